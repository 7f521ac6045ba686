"""Data sets of one's own, split: folders of pictures and NumPy files.

As their owner split them; where there are no test pictures, or the split is `pooled`,
all are shuffled together, and some of each class are set aside for testing.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any

import numpy as np

from collaborative.data import (
    class_folders,
    decoded_images,
    npz_files,
    own_names,
    picture_sets,
    picture_survey,
    resizing,
)
from collaborative.data.class_folders import TEST, TRAIN, VALIDATION
from collaborative.data.errors import DatasetChoiceError, DatasetError
from collaborative.data.examples import Examples


@dataclasses.dataclass(frozen=True)
class OwnSet:
    """A set, split; `validation` is None where its owner set none aside."""

    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    train: Examples
    test: Examples
    validation: Examples | None
    fingerprint: dict


@decoded_images.again_if_damaged
def read(
    name: str,
    split: str,
    seed: int,
    test_images: int,
    *,
    size: tuple[int, int] | None = None,
    color_mode: str | None = None,
    stream: bool | None = None,
    data_dir: str | os.PathLike | None = None,
) -> OwnSet:
    """Reads and splits a set.

    Args:
        name: canonical, see `own_names`.
        split: "official", as its owner split it, or "pooled".
        seed: of the shuffle, and of the split where its owner made none.
        test_images: so many at most are set aside then, or a fifth.
        size: (height, width) to stretch all to; None: of pictures the commonest.
        color_mode: of pictures, see `picture_sets.open_set`.
        stream: whether pictures are read from the disk when they are needed; None:
            where the memory does not suffice.
        data_dir: where the folder or file is looked for if it is not where it was.

    Raises:
        DatasetError: it is not there, or cannot be learnt.
    """
    if own_names.kind(name) == own_names.NPZ:
        path = own_names.path(name, data_dir)
        class_names, notes, splits, take, mark = _arrays(path, seed, size, stream)
    else:
        found = class_folders.find(own_names.path(name, data_dir))
        opened = _opened(found, name, size, color_mode)
        class_names, splits = found.class_names, found.splits
        notes, mark = opened.notes(stream), opened.fingerprint
        take = functools.partial(opened.examples, seed, stream)
    validation = None
    if split == "official" and VALIDATION in splits:
        validation = take((VALIDATION,))
        splits = tuple(s for s in splits if s != VALIDATION)
    if split == "official" and TEST in splits:
        train, test = take((TRAIN,)), take((TEST,))
    else:
        train, test = _stratified(name, take(splits), class_names, test_images)
        if TEST not in splits:
            notes.append(
                f"it has no pictures for testing: {len(test):,} are set aside, the "
                f"same part of each class, drawn with seed {seed}"
            )
    return OwnSet(class_names, tuple(notes), train, test, validation, mark)


@decoded_images.again_if_damaged
def read_unlabeled(
    name: str,
    image_shape: tuple[int, int, int],
    stream: bool | None = None,
    data_dir: str | os.PathLike | None = None,
) -> tuple[Any, dict]:
    """All pictures of a folder, of whatever class, as others are.

    Args:
        name: canonical, of a folder.
        image_shape: (height, width, channels) to stretch and convert them to.
        stream, data_dir: as for `read`.

    Returns:
        (images, the fingerprint).

    Raises:
        DatasetError: none is there.
    """
    found = class_folders.find_flat(own_names.path(name, data_dir))
    *size, channels = image_shape
    color_mode = picture_survey.COLOR_MODES[resizing.CHANNELS.index(channels)]
    opened = _opened(found, name, tuple(size), color_mode)
    return opened.examples(0, stream, found.splits).images, opened.fingerprint


def fingerprint(
    name: str,
    size: tuple[int, int] | None = None,
    color_mode: str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> dict:
    """What tells a set from others (`files`, `bytes`, `sha256`), without decoding it.

    Raises:
        DatasetError: it is not there, or is no set any more.
    """
    path = own_names.path(name, data_dir)
    if own_names.kind(name) == own_names.NPZ:
        return npz_files.fingerprint(path)
    found = class_folders.find(path)
    return picture_sets.fingerprint(found, own_names.short_name(name), size, color_mode)


def _opened(found, name, size, color_mode):
    return picture_sets.open_set(found, own_names.short_name(name), size, color_mode)


def _arrays(path, seed, size, stream):
    """(class names, notes, splits, function from splits to examples, fingerprint)."""
    if stream:
        raise DatasetChoiceError(
            f"{path} is read as a whole: leave --stream out, or put pictures into "
            "folders, which can be read from the disk"
        )
    mark = npz_files.fingerprint(path)
    class_names, notes, parts = npz_files.read(path, size)

    def take(splits):
        images = [parts[split].images for split in splits]
        labels = np.concatenate([parts[split].labels for split in splits])
        order = np.random.default_rng(seed).permutation(len(labels))
        images = images[0] if len(images) == 1 else np.concatenate(images)
        return Examples(images[order], labels[order])

    return class_names, notes, tuple(parts), take, mark


def _stratified(name, examples, class_names, most):
    """Training and test examples: the last part of each class is for testing.

    Args:
        name: of the set.
        examples: shuffled.
        class_names: of their labels.
        most: so many are for testing, or a fifth where that is less.
    """
    count = len(examples)
    part = min(most, count // 5) / count
    for_testing = np.zeros(count, bool)
    for label, class_name in enumerate(class_names):
        (places,) = np.nonzero(examples.labels == label)
        if len(places) < 2:
            raise DatasetError(
                f"{own_names.title(name)} has {len(places)} picture of {class_name}, "
                "and none of it would be left for testing: add some, or a test/ folder"
            )
        for_testing[places[-max(1, round(part * len(places))) :]] = True
    train, test = np.flatnonzero(~for_testing), np.flatnonzero(for_testing)
    return examples.part(train), examples.part(test)
