"""Images and labels of one's own in one NumPy file.

`numpy.savez("my.npz", x_train=…, y_train=…, x_test=…, y_test=…)`; `x_validation` and
`y_validation` are used too where they are there, and `class_names`.
"""

from __future__ import annotations

import math
import pathlib
import zipfile

import numpy as np

from collaborative.data import resizing
from collaborative.data.errors import DatasetError
from collaborative.data.examples import COPIES, Examples
from collaborative.system import digests, limits
from collaborative.system.errors import reason_of
from collaborative.system.words import printable

_PARTS = ("train", "test", "validation")
_WANTED = [f"{kind}_{part}" for part in _PARTS[:2] for kind in "xy"]
_NAMES = "class_names"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(
    path: pathlib.Path, size: tuple[int, int] | None = None
) -> tuple[tuple[str, ...], list[str], dict[str, Examples]]:
    """The data in a file, in the order they are in.

    Args:
        path: of the file.
        size: (height, width) to stretch the images to; None leaves them as they are.

    Returns:
        (class names, notes for people, `Examples` by part).

    Raises:
        DatasetError: it is no such file, or holds what cannot be learnt, or more than
            the memory does.
    """
    arrays = _arrays(path)
    parts = [part for part in _PARTS if f"x_{part}" in arrays]
    images, note = _levels(path, {part: arrays[f"x_{part}"] for part in parts})
    labels = {part: _labels(path, arrays, part) for part in parts}
    names = _class_names(path, arrays, labels)
    for part in parts:
        if size:
            stretched = [resizing.resized(image, size) for image in images[part]]
            images[part] = np.stack(stretched)
    examples = {part: Examples(images[part], labels[part]) for part in parts}
    return names, note, examples


def fingerprint(path: pathlib.Path) -> dict:
    """What tells a file from others: dict of `files`, `bytes` and `sha256`."""
    try:
        mark = digests.mark_of(path)
    except OSError as error:
        raise _cannot_be_read(path, error.strerror) from error
    return {"files": 1, "bytes": mark["bytes"], "sha256": mark["sha256"]}


def _cannot_be_read(path, reason):
    return DatasetError(
        f"{path} cannot be read ({reason}): give a file that "
        f"numpy.savez(FILE, {', '.join(f'{key}=…' for key in _WANTED)}) wrote"
    )


def _arrays(path):
    """The arrays of a file by name, those that are used."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            shapes = _shapes(archive)
            _check_keys(path, shapes)
            _check_memory(path, shapes)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in shapes}
    except DatasetError:
        raise
    except OSError as error:
        raise _cannot_be_read(path, reason_of(error)) from error
    # A damaged archive can raise nearly anything.
    except Exception as error:
        objects = "allow_pickle" in str(error) or "Object arrays" in str(error)
        reason = "it holds Python objects" if objects else reason_of(error)
        raise _cannot_be_read(path, reason) from error


def _shapes(archive):
    """(shape, type) of each array that is used, by name, from their headers."""
    used = {*_WANTED, "x_validation", "y_validation", _NAMES}
    found = {}
    for member in archive.namelist():
        name = member.removesuffix(".npy")
        if name in used:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                shape, _, dtype = _HEADERS[version](file)
                found[name] = shape, dtype
    return found


def _check_keys(path, found):
    wanted = list(_WANTED)
    if {"x_validation", "y_validation"} & set(found):
        wanted += ["x_validation", "y_validation"]
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise _cannot_be_read(path, f"it has no {', '.join(lacking)}")
    shapes = {name: shape for name, (shape, _) in found.items() if name[0] == "x"}
    for name, shape in shapes.items():
        if len(shape) not in (3, 4) or (
            len(shape) == 4 and shape[3] not in resizing.CHANNELS
        ):
            raise DatasetError(
                f"{name} in {path} has the shape {list(shape)}, wanted are grey images "
                "[n, height, width] or grey or colour ones [n, height, width, 1 or 3]: "
                "put its axes into that order, and leave an alpha channel out"
            )
        if shape[1:] != shapes["x_train"][1:] or 0 in shape:
            raise DatasetError(
                f"{name} in {path} has the shape {list(shape)}, and x_train has "
                f"{list(shapes['x_train'])}: give all images one size, and some to each"
            )


def _check_memory(path, found):
    """Refuses what is larger than the memory before it is read."""
    images = [value for name, value in found.items() if name[0] == "x"]
    count = sum(shape[0] for shape, _ in images)
    # As they are in the file, and as they are trained on.
    needed = max(math.prod(s[1:]) * (d.itemsize + COPIES) for s, d in images)
    fit = limits.free_memory() // needed
    if fit < count:
        raise DatasetError(
            f"{path} has {count:,} images, and {fit:,} of them fit in memory: take "
            "some away, or put pictures into folders, which are read from the disk"
        )


def _levels(path, images):
    """Images as uint8 `[n, height, width, channels]` by part, and what was done."""
    for part, found in images.items():
        if found.dtype.kind not in "buif" or not np.isfinite(found).all():
            raise DatasetError(
                f"x_{part} in {path} has values of type {found.dtype} or not finite, "
                "wanted are integers 0..255, or fractions 0..1 or 0..255: convert them"
            )
    low = min(found.min() for found in images.values())
    highest = {part: found.max() for part, found in images.items()}
    high = max(highest.values())
    if low < 0 or high > 255:
        raise DatasetError(
            f"the images in {path} have values from {low:g} to {high:g}, wanted are "
            "0..255, or fractions 0..1: scale them back to that"
        )
    factor, notes = _scale(path, images, highest)
    return {part: _as_levels(found, factor) for part, found in images.items()}, notes


def _scale(path, images, highest):
    """(what all values are to be multiplied by, notes); of one scale for all parts.

    Args:
        path: of the file.
        images: arrays by part.
        highest: their largest values by part; none is below 0.
    """
    kinds = {part: found.dtype.kind for part, found in images.items()}
    fractions = [p for p, kind in kinds.items() if kind in "bf" and 0 < highest[p] <= 1]
    larger = [part for part in images if highest[part] > 1]
    if fractions and larger:
        raise DatasetError(
            f"x_{fractions[0]} in {path} has values 0..1, and x_{larger[0]} up to "
            f"{highest[larger[0]]:g}: give all images one scale"
        )
    if fractions:
        return 255, ["its values, 0..1, are taken as 0..255"]
    if not larger:
        note = "its values, 0 and 1, are taken as levels of 0..255, nearly black"
        return 1, [f"{note}: if 1 is white, give booleans"]
    is_rounded = "f" in kinds.values()
    return 1, ["its values, 0..255, are rounded to whole levels"] * is_rounded


def _as_levels(images, factor):
    if images.dtype != np.uint8 or factor != 1:
        levels = np.empty(images.shape, np.uint8)
        for level, image in zip(levels, images, strict=True):  # no second large array
            level[...] = np.rint(image.astype(np.float32) * factor)
        images = levels
    return images if images.ndim == 4 else images[..., None]


def _labels(path, arrays, part):
    labels, count = arrays[f"y_{part}"], len(arrays[f"x_{part}"])
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "ui":
        raise DatasetError(
            f"y_{part} in {path} is {labels.dtype} {list(labels.shape)}, wanted is one "
            f"integer for each of the {count:,} images, the number of its class from "
            "0: convert it"
        )
    return labels.astype(np.int64)


def _class_names(path, arrays, labels):
    """The names of the classes; their numbers where the file has no names."""
    train = labels["train"]
    names = arrays.get(_NAMES)
    high = int(train.max())
    count = high + 1 if names is None else names.size
    lacking = np.setdiff1d(np.arange(min(count, high + 2)), train)
    unlike = [
        p for p, found in labels.items() if found.min() < 0 or found.max() >= count
    ]
    reason = None
    if unlike:
        low, high = labels[unlike[0]].min(), labels[unlike[0]].max()
        reason = f"y_{unlike[0]} has labels from {low} to {high}, of {count} classes"
    elif count < 2:
        reason = "y_train has one class, and there is nothing to tell apart"
    elif len(lacking):
        reason = f"y_train has no image of class {lacking[0]}, of {count} classes"
    if reason:
        raise DatasetError(
            f"in {path} {reason}: number the classes from 0 on, with training images "
            "of each"
        )
    if names is None:
        return tuple(map(str, range(count)))
    return _unlike_names(path, names.reshape(-1))


def _unlike_names(path, names):
    """Names as text, which tell the classes apart."""
    if names.dtype.kind == "S":  # as of h5py, and of C
        names = np.char.decode(names, "utf-8", "backslashreplace")
    shown = [printable(name) for name in names]
    twice = next((name for name in shown if shown.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(
            f"{_NAMES} in {path} has {twice!r} more than once: give each class a name "
            "of its own"
        )
    return tuple(shown)
