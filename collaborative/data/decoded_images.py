"""Images that were decoded to files: read by index, and checked when they are read."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import pathlib
import re
import weakref
import zlib

import numpy as np

from collaborative.data.errors import DatasetError

# Levels of one image after the other; CRC-32 of each; what they were made of.
IMAGES, SUMS, FACTS = "images.bin", "sums.npy", "decoded.json"


class Damaged(DatasetError):
    """Decoded images are not what was written; they count as not there from now on."""


def again_if_damaged(read):
    """Has a function that reads images decode damaged ones anew, and read those."""

    @functools.wraps(read)
    def reading(*args, **kwargs):
        try:
            return read(*args, **kwargs)
        except Damaged:
            return read(*args, **kwargs)

    return reading


@contextlib.contextmanager
def damage_told():
    """Raises `Damaged` for what TensorFlow raises where its pipeline met that."""
    try:
        yield
    except Exception as error:  # of several types, with the reason as text alone
        found = re.search(rf"\b{Damaged.__name__}: (.*)", str(error))
        if found is None:
            raise
        raise Damaged(found[1]) from error


class DecodedImages:
    """Images on the disk, in the place of uint8 `[n, height, width, channels]`.

    What an index, a slice or an array of indices names is read; `part` reads nothing.
    What is read is what was written, or `Damaged` is raised.

    Args:
        paths: files of images, one after the other.
        image_shape: (height, width, channels) of each image.
        rows: which of all the files' images these are, integers `[n]`.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, paths, image_shape, rows):
        self._paths = tuple(paths)
        self._files = [os.open(path, os.O_RDONLY) for path in self._paths]
        for file in self._files:
            weakref.finalize(self, os.close, file)
        size = math.prod(image_shape)
        counts = [os.path.getsize(path) // size for path in self._paths]
        self._ends = np.cumsum(counts)
        sums = [np.load(os.path.join(os.path.dirname(p), SUMS)) for p in self._paths]
        self._sums = np.concatenate(sums)
        self._rows = rows
        self.shape = (len(rows), *image_shape)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key):
        rows = np.asarray(self._rows[key])
        images = np.empty((rows.size, *self.shape[1:]), np.uint8)
        self._read(rows.reshape(-1), images)
        return images.reshape(*rows.shape, *self.shape[1:])

    def read_into(self, images):
        """Reads all into an array, uint8 `[n, height, width, channels]`."""
        self._read(self._rows, images)

    def __array__(self, dtype=None, copy=None):
        return self[:] if dtype is None else self[:].astype(dtype)

    def part(self, key):
        """The images at a slice or an array of indices, which are not read yet."""
        return DecodedImages(self._paths, self.shape[1:], self._rows[key])

    def _read(self, rows, images):
        """Reads rows, integers `[n]`, in the order of the files."""
        places = np.searchsorted(self._ends, rows, side="right")
        firsts = np.concatenate([[0], self._ends])[places]
        offsets = (rows - firsts) * math.prod(self.shape[1:])
        for i in np.argsort(rows, kind="stable"):
            # Not mapped into memory, where all that was read would count as taken; and
            # the other threads go on meanwhile.
            image = images[i]
            count = os.preadv(self._files[places[i]], [image], int(offsets[i]))
            if count != image.nbytes or zlib.crc32(image) != self._sums[rows[i]]:
                raise _dropped(pathlib.Path(self._paths[places[i]]).parent)


def _dropped(folder):
    """The error of damaged images, which are made to count as not there."""
    try:
        (folder / FACTS).unlink(missing_ok=True)
    except OSError:
        return Damaged(f"{folder} is damaged: remove it, and it is made anew")
    return Damaged(f"{folder} was damaged: start again, and it is made anew")
