"""Reads picture files into images as the networks take them.

A picture is turned upright (EXIF), laid on white where it is transparent, scaled to 8
bits, made grey or colour, and stretched to the network's height and width. Of an
animation the first frame is taken.
"""

from __future__ import annotations

import pathlib
import stat
import warnings

import numpy as np
from PIL import Image, ImageOps

from collaborative.data import resizing
from collaborative.system import command_line
from collaborative.system.errors import UserError

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_PHOTOMETRIC = 262  # TIFF's tag of what a level means; 0: 0 is white
_SCALES = {"L;2": 85, "L;4": 17}  # of grey levels of fewer bits, to 0..255


class UnreadablePicture(UserError):
    """A file that is no picture; the message says why."""


def find(paths):
    """The files that paths stand for.

    Args:
        paths: files, and folders, of which all files at any depth are taken in the
            order of their names, but for hidden ones.

    Returns:
        (list of paths of files, dict from each path that has none to the reason).
    """
    found, missing = [], {}
    for path in map(pathlib.Path, paths):
        try:
            inside = _visible(path) if stat.S_ISDIR(path.stat().st_mode) else [path]
        except OSError as error:
            missing[str(path)] = command_line.first_line(error)
            continue
        if not inside:
            missing[str(path)] = "an empty folder"
        for file in inside:
            if file.is_file():
                found.append(file)
            else:  # a pipe, whose reader would wait; a link to nothing
                missing[str(file)] = "not a file"
    return found, missing


def read(path, shape):
    """Reads one picture.

    Args:
        path: the file, in any format that Pillow knows.
        shape: (height, width), (height, width, 1) or (height, width, 3).

    Returns:
        uint8 array of that shape: grey, or red, green and blue.

    Raises:
        UnreadablePicture: for a file that is damaged or no picture.
    """
    colour = shape[2:] == (3,)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large and of odd pictures; it refuses enormous ones.
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                inverted = _has_white_at_zero(picture)
                _scale_transparent_level(picture)
                upright = ImageOps.exif_transpose(picture)
                shown = _opaque(_eight_bit(upright, inverted))
                plain = shown.convert("RGB" if colour else "L")
    except Image.UnidentifiedImageError as error:
        raise UnreadablePicture("not a picture") from error
    except Exception as error:  # a damaged file can raise nearly anything
        raise UnreadablePicture(command_line.first_line(error)) from error
    return resizing.resized(np.asarray(plain), shape[:2]).reshape(shape)


def _visible(folder):
    """What is in a folder at any depth but folders and what is hidden, by name."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    ]


def _has_white_at_zero(picture):
    """Whether 16-bit grey levels of a TIFF are inverted, which Pillow leaves so."""
    tags = getattr(picture, "tag_v2", {})
    return picture.mode in _SIXTEEN_BIT and tags.get(_PHOTOMETRIC) == 0


def _scale_transparent_level(picture):
    """Brings the level that a PNG calls transparent to the scale of its pixels.

    Pillow scales pixels of 2, 4 and 3 x 16 bits to 8 and leaves that level as it is. Of
    3 x 16 bits it keeps the high bytes, so that neighbouring colours become one.
    """
    level = picture.info.get("transparency")
    if level is None or not picture.tile:
        return
    raw_mode = picture.tile[0][3]
    if raw_mode in _SCALES:
        picture.info["transparency"] = level * _SCALES[raw_mode]
    elif raw_mode == "RGB;16B":
        picture.info["transparency"] = tuple(part >> 8 for part in level)


def _eight_bit(picture, inverted):
    """16-bit grey levels, 0..65535, as 0..255; Pillow would cut them off at 255."""
    if picture.mode == "F":
        raise ValueError("its pixels are fractions of an unknown range")
    if picture.mode not in (*_SIXTEEN_BIT, "I"):
        return picture
    levels = np.asarray(picture).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("its pixels have more than 16 bits")
    eight_bit = np.rint((65535 - levels if inverted else levels) / 257).astype(np.uint8)
    if "transparency" not in picture.info:
        return Image.fromarray(eight_bit)
    alpha = np.where(levels == picture.info["transparency"], 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([eight_bit, alpha], axis=-1))


def _opaque(picture):
    """The picture on white where it has transparency."""
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture)
