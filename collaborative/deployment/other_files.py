"""Files of LiteRT, ONNX and OpenVINO that others made: what they take and give.

A file says the shape and the type of its input, and not what was done to pictures
before: integers of 8 bits get the levels as they are, fractions those of 0..255, or
what a person says that they want.
"""

from __future__ import annotations

import numpy as np

from collaborative.data import resizing
from collaborative.deployment import runtimes
from collaborative.nn import outputs as kinds
from collaborative.system import streams
from collaborative.system.errors import UserError, reason_of

# What a fraction of 0..255 is scaled to.
RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (2 / 255, -1.0)}
_FRACTIONS = ("float32", "float16", "float64")
_TRIED = 16  # images at random that show what the outputs are


class UnusableFile(UserError):
    """A file that is no classifier of pictures; the message is one line."""


class OtherFile:
    """A classifier in a file.

    Args:
        path: the file.
        form: its format, "litert", "onnx" or "openvino".
        values: a key of RANGES: what it wants levels to be, if fractions.

    Attributes:
        image_shape: (height, width) or (height, width, channels).
        count: of its classes.
        kind: of its outputs, see `nn.outputs`.
        note: what a person should know of what it is given, or None.

    Raises:
        UnusableFile: where it cannot be loaded, or takes no pictures, or gives no
            classes.
    """

    def __init__(self, path, form, values="0..255"):
        try:
            with streams.silence():
                shape, self._dtype, inputs = runtimes.described(form, str(path))
                self._function = runtimes.load(form, path)
        except Exception as error:  # each runtime has errors of its own
            reason = reason_of(error)
            raise UnusableFile(f"{path} cannot be loaded: {reason}") from error
        self._channels_first, self.image_shape = _layout(path, shape, inputs)
        self._scale = RANGES[values]
        self._check_type(path)
        self.note = None
        if self._dtype in _FRACTIONS:
            self.note = (
                f"{path.name} takes fractions and does not say which: it is given "
                f"levels {values} (--values)"
            )
        self.count, self.kind = self._tried(path)

    def _check_type(self, path):
        if self._dtype not in (*_FRACTIONS, "uint8", "int8"):
            raise UnusableFile(
                f"{path} takes {self._dtype}, which are no levels of a picture"
            )

    def _tried(self, path):
        """(how many classes, kind of outputs) of images at random."""
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (_TRIED, *self.image_shape)).astype(np.float32)
        try:
            with streams.silence():
                found = self.outputs(images)
        except Exception as error:  # each runtime has errors of its own
            reason = reason_of(error)
            raise UnusableFile(f"{path} cannot be run: {reason}") from error
        if found.ndim != 2 or len(found) != _TRIED:
            raise UnusableFile(
                f"{path} gives {found.shape} for {_TRIED} pictures, not a number for "
                "each class"
            )
        kind = kinds.kind_of_values(found.astype(np.float64))
        if kind in (kinds.ONE_UNIT, kinds.MULTI_LABEL):
            raise UnusableFile(
                f"{path} is no classifier: its outputs are {kinds.DESCRIPTIONS[kind]}"
            )
        return 2 if kind == kinds.SIGMOID else found.shape[1], kind

    def outputs(self, images):
        """Outputs `[n, units]` for images, levels 0..255 `[n, *image_shape]`."""
        if self._dtype in _FRACTIONS:
            factor, offset = self._scale
            images = images * factor + offset
        elif self._dtype == "int8":
            images = images - 128
        images = images.astype(self._dtype)
        if self._channels_first:
            images = np.moveaxis(images, -1, 1)
        return self._function(images)


def _layout(path, shape, inputs):
    """(whether channels come before height and width, shape of an image)."""
    sizes = shape[1:]
    if inputs == 1 and all(sizes):
        if len(sizes) == 2 or (len(sizes) == 3 and sizes[2] in resizing.CHANNELS):
            return False, sizes
        if len(sizes) == 3 and sizes[0] in resizing.CHANNELS:
            return True, (*sizes[1:], sizes[0])
    what = f"{inputs} inputs" if inputs != 1 else f"inputs of shape {shape}"
    raise UnusableFile(
        f"{path} takes {what}, not pictures of a known height and width with 1 or 3 "
        "channels"
    )
