"""Images that are decoded once for all runs: to files, which are read by index.

Runs read them into memory, in a tenth of the time that decoding takes, or image by
image where the set is larger. Indices are what a step needs of a set, so that a run
whose images lie on the disk sees the batches of one whose images lie in memory, resumed
ones too. Records of TFRecord have no index.

The files lie in the folder of the prepared set or, where nothing can be written there,
in the cache folder of the person: for each split and size `images.bin`, the levels of
one image after the other in the stored order, `sums.npy`, the CRC-32 of each, and
`labels.npy`. `decoded.json` says what they were made of; of another set, and where they
are damaged, they are made anew. Pictures of one's own are kept so too (`picture_sets`).
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
import zlib

import numpy as np
import tqdm

from collaborative.data import decoded_images, resizing, stored
from collaborative.data.decoded_images import FACTS, IMAGES, SUMS, DecodedImages
from collaborative.data.errors import DatasetError
from collaborative.data.examples import check_labels
from collaborative.system import digests, files, limits

_LABELS = "labels.npy"
# Of what is free on the disk, the most that is taken to save time alone.
_MOST = 0.1


class NotKept(DatasetError):
    """There is no place for decoded images."""


@decoded_images.again_if_damaged
def read_shuffled(name, builder, splits, seed, size=None, stream=False):
    """As `stored.read_shuffled`, in the same order, from images decoded once.

    Args:
        stream: whether the images stay on the disk; else they are read from there, or
            decoded straight into memory where the disk has no room to spare.

    Returns:
        (uint8 `[n, height, width, channels]` or `DecodedImages`, labels int64 `[n]`).

    Raises:
        DatasetError: as `stored.read_shuffled`; or where the disk has no room.
    """
    images = None if stream else stored.room_for(name, builder, splits, size)
    try:
        most = 1 if stream else _MOST
        folders = [_decoded(name, builder, split, size, most) for split in splits]
    except NotKept:
        if stream:
            raise
        return stored.read_shuffled(name, builder, splits, seed, size)
    labels = np.concatenate([np.load(folder / _LABELS) for folder in folders])
    rows = np.random.default_rng(seed).permutation(len(labels))
    check_labels(name, labels, builder.info.features["label"].num_classes)
    shape = stored.image_shape(builder, size)
    decoded = DecodedImages([f / IMAGES for f in folders], shape, rows)
    if stream:
        return decoded, labels[rows]
    decoded.read_into(images)
    return images, labels[rows]


def _decoded(name, builder, split, size, most):
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
        with writing(folder, count) as add:
            for images, some_labels in stored.batches(builder, (split,), size):
                add(images)
                labels.append(some_labels)
        np.save(folder / _LABELS, np.concatenate(labels).astype(np.int64))
        return {}

    named = f"{split}-{resizing.shown(shape)}"
    what = f"{name} ({split})"
    return keep(what, facts, places, named, lambda: (count, shape), write, most)


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


def keep(what, facts, places, named, measure, write, most=1):
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
        most: of what is free on the disk, the most that may be taken, 0 to 1.

    Raises:
        NotKept: where the disk has no room, or fails.
        DatasetError: as `write` does.
    """
    found = kept(facts, places, named)
    if found:
        return found[0]
    place = next((p for p in places if files.is_writable(p)), places[-1])
    count, shape = measure()
    needed = count * math.prod(shape)
    no_room = functools.partial(_no_room, what, place, count, needed)
    free = limits.free_disk(place)
    if most * free < needed:
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
                content["beside"] = _digests(folder, [_LABELS, SUMS])
                text = json.dumps(content) + "\n"
                (folder / FACTS).write_text(text, encoding="utf-8")
        except files.Busy:
            time.sleep(1)  # another run decodes it
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room(limits.free_disk(place)) from error
            raise NotKept(
                f"{what} cannot be decoded into {place}: {error.strerror}"
            ) from error
    return place / named


@contextlib.contextmanager
def writing(folder, count):
    """Writes `IMAGES`, one after the other, and their sums; shows how far it is.

    Args:
        folder: to write them in.
        count: how many there will be.

    Yields:
        A function that adds images, uint8 `[n, height, width, channels]`, and moves the
        bar by `done`, n where it is not given.
    """
    bar = tqdm.tqdm(total=count, unit="images", leave=False, disable=None)
    sums = []
    with bar, open(folder / IMAGES, "wb") as file:

        def add(images, done=None):
            file.write(images)
            sums.extend(map(zlib.crc32, images))
            bar.update(len(images) if done is None else done)

        yield add
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / SUMS, np.array(sums, np.uint32))


def _whole(folder, facts):
    """What `decoded.json` says in a folder whose images are whole, or None."""
    try:
        found = files.read_json(folder / FACTS)
        size = (folder / IMAGES).stat().st_size
        same = {name: found[name] for name in facts} == facts
        same &= found["beside"] == _digests(folder, found["beside"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if same and found["bytes"] == size else None


def _digests(folder, names):
    """The SHA-256 of files of a folder, of those that are there."""
    there = [name for name in names if (folder / name).exists()]
    return {name: digests.of_file(folder / name) for name in there}


def _no_room(what, place, count, needed, free):
    fit = count * max(0, free) // needed
    return NotKept(
        f"{what} takes {_shown(needed)} decoded, more than there is room for in "
        f"{place}, where {fit:,} of its {count:,} images would fit: make room, give a "
        "smaller --image_size, or another folder in the environment variable "
        "XDG_CACHE_HOME"
    )


def _shown(number):
    return tqdm.tqdm.format_sizeof(number, "B")
