"""A look at the pictures of a folder before they are decoded: size, grey or colour.

By the headers of their files. A grey picture that is stored as colour tells by its
pixels alone, so that these are looked at until one has colour.
"""

from __future__ import annotations

import collections
import multiprocessing.pool

from collaborative.data import class_folders, pictures, resizing
from collaborative.data.errors import DatasetChoiceError, DatasetError

COLOR_MODES = ("grayscale", "rgb")
LARGEST_SIDE = 256  # of a size that nobody asked for, in pixels


def surveyed(
    found: class_folders.Found,
    size: tuple[int, int] | None,
    color_mode: str | None,
    threads: multiprocessing.pool.ThreadPool,
) -> dict:
    """Of which shape the pictures of a folder will be.

    Args:
        found: what is in the folder.
        size: (height, width) of all; None: the commonest, made divisible.
        color_mode: one of `COLOR_MODES`; None: colour where any picture has some.
        threads: which read.

    Returns:
        Dict of JSON values: `image_shape`, [height, width, channels]; `sizes`, how many
        there are; `common`, the commonest, or None where it was not looked for.

    Raises:
        DatasetError: there is no picture, or the commonest size is too large.
    """
    headers = {}
    if size is None or color_mode is None:
        paths = [found.root / file.path for file in found.files]
        headers = {
            p: h for p, h in zip(paths, threads.map(_header, paths), strict=True) if h
        }
        if not headers:
            raise DatasetError(
                f"none of the {len(paths):,} files in {found.root} is a picture that "
                "can be read: give another folder"
            )
    sizes = collections.Counter(size for size, _ in headers.values())
    common = None
    if size is None:
        common = min(sizes, key=lambda each: (-sizes[each], each))
        size = _default_size(found.title, common)
    if color_mode is None:
        colour = any(_has_colour(path, mode) for path, (_, mode) in headers.items())
        color_mode = COLOR_MODES[colour]
    channels = resizing.CHANNELS[COLOR_MODES.index(color_mode)]
    return {
        "image_shape": [*size, channels],
        "sizes": len(sizes),
        "common": list(common) if common else None,
    }


def _default_size(title, common):
    if max(common) > LARGEST_SIDE:
        raise DatasetChoiceError(
            f"the pictures of {title} are {resizing.shown(common)} or so, too large "
            f"for these networks: add --image_size {resizing.SUGGESTED}, or another "
            "height and width, to stretch them to it"
        )
    return tuple(resizing.divisible(side) for side in common)


def _header(path):
    try:
        return pictures.size_and_mode(path)
    except pictures.UnreadablePicture:
        return None


def _has_colour(path, mode):
    try:
        return pictures.has_colour(path, mode)
    except pictures.UnreadablePicture:
        return False
