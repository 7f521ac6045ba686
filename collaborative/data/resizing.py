"""Stretching pictures to one height and width.

Those of data sets when they are loaded, and those that a trained network is shown: both
here, so that a network sees what it has learnt from. Bilinear and antialiased, by
Pillow: a pixel is the mean of what it covers, weighted by a triangle of twice its size.
"""

from __future__ import annotations

import re

import numpy as np
from etils import epy

with epy.lazy_imports():
    from PIL import Image

SUGGESTED = "32x32"  # the size of CIFAR-10's, which the paper's networks are made for
CHANNELS = (1, 3)  # grey and colour
MULTIPLE = 4  # of height and width: the paper's networks halve them twice
# How it is done, for those who have to do it elsewhere.
METHOD = "bilinear, antialiased, as Pillow's Image.resize with Resampling.BILINEAR"


def size_of(text: str) -> tuple[int, int]:
    """(height, width) of "HxW", in pixels.

    Raises:
        ValueError: for another text; the message is one line for a person.
    """
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text)
    size = tuple(map(int, found.groups())) if found else (0, 0)
    if not all(size):
        raise ValueError(
            f"image_size must be height x width in pixels, such as {SUGGESTED}, "
            f"got {text!r}"
        )
    return size


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture, stretched to a size.

    Args:
        image: uint8 `[height, width]`, or `[height, width, channels]` with 1 or 3.
        size: the (height, width) that it gets.

    Returns:
        uint8 array of that size, with as many channels; rounded to whole levels.
    """
    height, width = size
    plain = image[..., 0] if image.shape[2:] == (1,) else image
    picture = Image.fromarray(plain).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(height, width, *image.shape[2:])


def divisible(side: int) -> int:
    """The multiple of `MULTIPLE` that is nearest to a height or width, above 0."""
    return max(MULTIPLE, (side + MULTIPLE // 2) // MULTIPLE * MULTIPLE)


def shown(shape: tuple[int, ...]) -> str:
    """A size or a shape as people write it: 28x28, or 28x28x1."""
    return "x".join(map(str, shape))
