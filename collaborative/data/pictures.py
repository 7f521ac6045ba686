"""Reads picture files into images as the networks take them.

For training and for prediction alike, so that a network sees what it has learnt from. A
picture is turned upright (EXIF), laid on white where it is transparent, scaled to 8
bits, made grey or colour, and stretched to the network's height and width. Of an
animation the first frame is taken.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import warnings

import numpy as np
from etils import epy

from collaborative.data import resizing
from collaborative.system.errors import UserError, reason_of

with epy.lazy_imports():
    from PIL import Image, ImageOps

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_PHOTOMETRIC = 262  # TIFF's tag of what a level means; 0: 0 is white
_SCALES = {"L;2": 85, "L;4": 17}  # of grey levels of fewer bits, to 0..255
_GREY = ("1", "L", "LA", "La", "I", "F", *_SIXTEEN_BIT)
_ORIENTATION = 274  # EXIF's tag of how a picture is turned
_ON_THE_SIDE = (5, 6, 7, 8)
_ROUNDING = 2  # levels that a grey pixel's colours may differ by, as WebP stores it
# What systems put beside the files of a person, besides what begins with a dot.
_OF_SYSTEMS = ("__macosx", "thumbs.db", "desktop.ini", "@eadir")


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
            inside = visible(path) if stat.S_ISDIR(path.stat().st_mode) else [path]
        except OSError as error:
            missing[str(path)] = reason_of(error)
            continue
        if not inside:
            missing[str(path)] = "an empty folder"
        for file in inside:
            if file.is_file():
                found.append(file)
            else:  # a pipe, whose reader would wait
                missing[str(file)] = why_no_file(file)
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
    with _opened(path) as picture:
        plain = _shown(picture).convert("RGB" if shape[2:] == (3,) else "L")
    return resizing.resized(np.asarray(plain), shape[:2]).reshape(shape)


def size_and_mode(path):
    """(height, width) and Pillow's mode of a picture, without reading its pixels.

    Raises:
        UnreadablePicture: for a file that is no picture.
    """
    with _opened(path) as picture:
        width, height = picture.size
        # A PNG may have its EXIF after the pixels, which would all be read for it.
        known = picture.format != "PNG" or "exif" in picture.info
        if known and picture.getexif().get(_ORIENTATION) in _ON_THE_SIDE:
            width, height = height, width
        return (height, width), picture.mode


def has_colour(path, mode):
    """Whether a picture shows any colour; one of greys alone may be stored as colour.

    Args:
        path: the file.
        mode: of it, as `size_and_mode` gives it.

    Raises:
        UnreadablePicture: for a file that is damaged or no picture.
    """
    if mode in _GREY:
        return False
    with _opened(path) as picture:
        levels = np.asarray(_shown(picture).convert("RGB"))
    return bool((np.ptp(levels, axis=-1) > _ROUNDING).any())


def visible(folder):
    """The files in a folder at any depth, by name, but for hidden and systems' ones.

    Links to folders are among them, and not followed, since they may lead in a circle.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if is_visible(name)]
        links = [n for n in folders if os.path.islink(os.path.join(place, n))]
        shown = [*links, *filter(is_visible, names)]
        found += [pathlib.Path(place, name) for name in shown]
    return sorted(found)


def why_no_file(path):
    """What a path is that is no file, in a few words."""
    if path.is_dir():
        return "a link to a folder, which is not followed"
    return "a link to nothing" if path.is_symlink() else "not a file"


def is_visible(name):
    """Whether a file or folder is of the person, by its name."""
    return not name.startswith(".") and name.casefold() not in _OF_SYSTEMS


@contextlib.contextmanager
def _opened(path):
    """A picture of Pillow's; UnreadablePicture for whatever goes wrong with it."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large and of odd pictures; it refuses enormous ones.
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                yield picture
    except Image.UnidentifiedImageError as error:
        empty = os.path.getsize(path) == 0
        reason = "an empty file" if empty else "not a picture"
        raise UnreadablePicture(reason) from error
    except Exception as error:  # a damaged file can raise nearly anything
        raise UnreadablePicture(reason_of(error)) from error


def _shown(picture):
    """A picture as one sees it: upright, of 8 bits, on white."""
    inverted = _has_white_at_zero(picture)
    _scale_transparent_level(picture)
    return _opaque(_eight_bit(ImageOps.exif_transpose(picture), inverted))


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
