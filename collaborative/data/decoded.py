"""Sets larger than memory: their images are decoded once to files, and read by index.

Indices are what a step needs of a set, so that a run whose images lie on the disk sees
the batches of one whose images lie in memory, resumed ones too. Records of TFRecord
have no index, and each would be decoded anew in each epoch.

The files lie in the folder of the prepared set or, where nothing can be written there,
in the cache folder of the person: for each split and size `images.bin`, the levels of
one image after the other in the stored order, and `labels.npy`. `decoded.json` says
what they were made of; of another set, they are made anew.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
import pathlib
import sys
import tempfile
import time
import weakref

import numpy as np
import tqdm

from collaborative.data import stored
from collaborative.data.errors import DatasetError
from collaborative.data.examples import check_labels
from collaborative.system import files, limits

_IMAGES, _LABELS, _FACTS = "images.bin", "labels.npy", "decoded.json"


class DecodedImages:
    """Images on the disk, in the place of uint8 `[n, height, width, channels]`.

    What an index, a slice or an array of indices names is read; `part` reads nothing.

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
        self._rows = rows
        self.shape = (len(rows), *image_shape)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key):
        rows = np.asarray(self._rows[key])
        images = np.empty((rows.size, *self.shape[1:]), np.uint8)
        for image, row in zip(images, rows.reshape(-1), strict=True):
            image[...] = self._read(row)
        return images.reshape(*rows.shape, *self.shape[1:])

    def __array__(self, dtype=None, copy=None):
        return self[:] if dtype is None else self[:].astype(dtype)

    def part(self, key):
        """The images at a slice or an array of indices, which are not read yet."""
        return DecodedImages(self._paths, self.shape[1:], self._rows[key])

    def _read(self, row):
        place = int(np.searchsorted(self._ends, row, side="right"))
        start = self._ends[place - 1] if place else 0
        size = math.prod(self.shape[1:])
        # Not mapped into memory, where all that was read would count as taken; and the
        # other threads go on meanwhile.
        levels = os.pread(self._files[place], size, int(row - start) * size)
        if len(levels) != size:
            raise DatasetError(f"{self._paths[place]} was cut short: remove its folder")
        return np.frombuffer(levels, np.uint8).reshape(self.shape[1:])


def read_shuffled(name, builder, splits, seed, size=None):
    """As `stored.read_shuffled`, in the same order, with the images on the disk.

    Returns:
        (`DecodedImages`, labels int64 `[n]`).

    Raises:
        DatasetError: as `stored.read_shuffled`; or where the disk has no room.
    """
    folders = [_decoded(name, builder, split, size) for split in splits]
    labels = np.concatenate([np.load(folder / _LABELS) for folder in folders])
    rows = np.random.default_rng(seed).permutation(len(labels))
    check_labels(name, labels, builder.info.features["label"].num_classes)
    images = DecodedImages(
        [folder / _IMAGES for folder in folders],
        stored.image_shape(builder, size),
        rows,
    )
    return images, labels[rows]


@dataclasses.dataclass(frozen=True)
class _Facts:
    """What decoded images were made of: the split of a set, and its files then."""

    path: str
    files: list  # of [name, bytes, time of the last change in nanoseconds]
    split: str
    count: int
    shape: list

    @property
    def bytes(self):
        return self.count * math.prod(self.shape)


def _decoded(name, builder, split, size):
    """The folder with a split's decoded images, made if there is none that is whole."""
    facts = _facts(builder, split, stored.image_shape(builder, size))
    places = _places(builder)
    named = f"{split}-{'x'.join(map(str, facts.shape))}"
    for place in places:
        if _is_whole(place / named, facts):
            return place / named
    place = next((p for p in places if files.is_writable(p)), places[-1])
    _check_room(name, place, facts)
    beside = "" if place == places[0] else f", since {places[0]} cannot be written to"
    print(
        f"decoding {name} ({split}, {_shown(facts.bytes)}) once into {place}{beside}",
        file=sys.stderr,
    )
    while not _is_whole(place / named, facts):
        try:
            with files.replacing_directory(place / named) as folder:
                _write(folder, builder, facts, size)
        except files.Busy:
            time.sleep(1)  # another run decodes it
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _no_room(name, place, facts) from error
            raise DatasetError(
                f"{name} cannot be decoded into {place}: {error.strerror}"
            ) from error
    return place / named


def _facts(builder, split, shape):
    folder = pathlib.Path(builder.data_dir)
    found = [(path.name, path.stat()) for path in sorted(folder.iterdir())
             if path.is_file()]  # fmt: skip
    return _Facts(
        str(folder.resolve()),
        [[name, stat.st_size, stat.st_mtime_ns] for name, stat in found],
        split,
        builder.info.splits[split].num_examples,
        list(shape),
    )


def _places(builder):
    """Folders where a set's images may lie decoded, the best first."""
    folder = pathlib.Path(builder.data_dir)
    key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    others = [cache, tempfile.gettempdir()]
    below = pathlib.Path("collaborative", "decoded", f"{builder.name}-{key}")
    # Not everybody has a home.
    absolute = [pathlib.Path(other, below) for other in others if other[0] != "~"]
    return [folder / "decoded", *absolute]


def _is_whole(folder, facts):
    try:
        found = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        size = (folder / _IMAGES).stat().st_size
    except (OSError, ValueError):
        return False
    return found == dataclasses.asdict(facts) and size == facts.bytes


def _write(folder, builder, facts, size):
    labels = []
    bar = tqdm.tqdm(total=facts.count, unit="images", leave=False, disable=None)
    with bar, open(folder / _IMAGES, "wb") as file:
        for images, some_labels in stored.batches(builder, (facts.split,), size):
            file.write(images)
            labels.append(some_labels)
            bar.update(len(some_labels))
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / _LABELS, np.concatenate(labels).astype(np.int64))
    content = json.dumps(dataclasses.asdict(facts), indent=1)
    (folder / _FACTS).write_text(content + "\n", encoding="utf-8")


def _check_room(name, place, facts):
    if limits.free_disk(place) < facts.bytes:
        raise _no_room(name, place, facts)


def _no_room(name, place, facts):
    return DatasetError(
        f"{name} ({facts.split}) takes {_shown(facts.bytes)} decoded, more than "
        f"there is room for in {place}: make room, give a smaller --image_size, or "
        "another folder in the environment variable XDG_CACHE_HOME"
    )


def _shown(number):
    return tqdm.tqdm.format_sizeof(number, "B")
