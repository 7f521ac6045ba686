"""Sets larger than memory: their images are decoded once to files, and read by index.

Indices are what a step needs of a set, so that a run whose images lie on the disk sees
the batches of one whose images lie in memory, resumed ones too. Records of TFRecord
have no index, and each would be decoded anew in each epoch.

The files lie in the folder of the prepared set or, where nothing can be written there,
in the cache folder of the person: for each split and size `images.bin`, the levels of
one image after the other in the stored order, and `labels.npy`. `decoded.json` says
what they were made of; of another set, they are made anew. Pictures of one's own are
kept so too (`picture_sets`).
"""

from __future__ import annotations

import contextlib
import errno
import functools
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

IMAGES, FACTS = "images.bin", "decoded.json"
_LABELS = "labels.npy"


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
    shape = stored.image_shape(builder, size)
    return DecodedImages([f / IMAGES for f in folders], shape, rows), labels[rows]


def _decoded(name, builder, split, size):
    """The folder with a split's decoded images, made if there is none that is whole."""
    shape = stored.image_shape(builder, size)
    count = builder.info.splits[split].num_examples
    folder = pathlib.Path(builder.data_dir)
    facts = {
        "path": str(folder.resolve()),
        "files": [
            [path.name, path.stat().st_size, path.stat().st_mtime_ns]
            for path in sorted(folder.iterdir())
            if path.is_file()
        ],
        "split": split,
        "count": count,
        "shape": list(shape),
    }
    key = hashlib.sha256(facts["path"].encode()).hexdigest()[:16]
    places = [folder / "decoded", *cache_places(f"{builder.name}-{key}")]

    def write(folder):
        labels = []
        with writing(folder / IMAGES, count) as add:
            for images, some_labels in stored.batches(builder, (split,), size):
                add(images)
                labels.append(some_labels)
        np.save(folder / _LABELS, np.concatenate(labels).astype(np.int64))
        return {}

    named = f"{split}-{'x'.join(map(str, shape))}"
    return keep(
        f"{name} ({split})", facts, places, named, lambda: (count, shape), write
    )


def cache_places(named):
    """Folders in which decoded images may lie for this person, the best first."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    others = [cache, tempfile.gettempdir()]
    # Not everybody has a home.
    return [
        pathlib.Path(other, "collaborative", "decoded", named)
        for other in others
        if other[0] != "~"
    ]


def kept(facts, places, named):
    """(folder, what its `decoded.json` says) of whole decoded images, or None."""
    for place in places:
        found = _whole(place / named, facts)
        if found:
            return place / named, found
    return None


def keep(what, facts, places, named, measure, write):
    """The folder with decoded images, which are decoded if they are not there whole.

    Args:
        what: is decoded, for people.
        facts: dict of JSON values: what the images are made of.
        places: folders in one of which it may lie, the best first.
        named: the name of the folder there.
        measure: a function that gives (how many images, their shape), before they are
            decoded.
        write: a function that writes `IMAGES` and whatever else into a folder, and
            returns further entries of `decoded.json`, a dict.

    Raises:
        DatasetError: where the disk has no room, or fails; or as `write` does.
    """
    found = kept(facts, places, named)
    if found:
        return found[0]
    place = next((p for p in places if files.is_writable(p)), places[-1])
    count, shape = measure()
    needed = count * math.prod(shape)
    no_room = functools.partial(_no_room, what, place, count, needed)
    free = limits.free_disk(place)
    if free < needed:
        raise no_room(free)
    beside = "" if place == places[0] else f", since {places[0]} cannot be written to"
    print(
        f"decoding {what}, {_shown(needed)}, once into {place}{beside}",
        file=sys.stderr,
    )
    while not _whole(place / named, facts):
        try:
            with files.replacing_directory(place / named) as folder:
                content = facts | write(folder)
                content["bytes"] = (folder / IMAGES).stat().st_size
                text = json.dumps(content) + "\n"
                (folder / FACTS).write_text(text, encoding="utf-8")
        except files.Busy:
            time.sleep(1)  # another run decodes it
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room(limits.free_disk(place)) from error
            raise DatasetError(
                f"{what} cannot be decoded into {place}: {error.strerror}"
            ) from error
    return place / named


@contextlib.contextmanager
def writing(path, count):
    """Writes images one after the other and shows how far it is.

    Args:
        path: of the file.
        count: how many there will be.

    Yields:
        A function that adds images, uint8 `[n, height, width, channels]`, and moves the
        bar by `done`, n where it is not given.
    """
    bar = tqdm.tqdm(total=count, unit="images", leave=False, disable=None)
    with bar, open(path, "wb") as file:

        def add(images, done=None):
            file.write(images)
            bar.update(len(images) if done is None else done)

        yield add
        file.flush()
        os.fsync(file.fileno())


def _whole(folder, facts):
    """What `decoded.json` says in a folder whose images are whole, or None."""
    try:
        found = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        size = (folder / IMAGES).stat().st_size
        same = {name: found[name] for name in facts} == facts
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if same and found["bytes"] == size else None


def _no_room(what, place, count, needed, free):
    fit = count * max(0, free) // needed
    return DatasetError(
        f"{what} takes {_shown(needed)} decoded, more than there is room for in "
        f"{place}, where {fit:,} of its {count:,} images would fit: make room, give a "
        "smaller --image_size, or another folder in the environment variable "
        "XDG_CACHE_HOME"
    )


def _shown(number):
    return tqdm.tqdm.format_sizeof(number, "B")
