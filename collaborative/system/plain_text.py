"""Figures whose text is shown as it is, whatever names of classes and data hold."""

from __future__ import annotations

import contextlib
import warnings

import matplotlib


@contextlib.contextmanager
def in_figures():
    """Within the block, matplotlib reads no formulas in texts, made or drawn there.

    A character that its font lacks is drawn as a box, without a warning.
    """
    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
