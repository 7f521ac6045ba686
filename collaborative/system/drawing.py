"""How figures are written: every text in them is shown as it is spelled.

Names of classes, members and methods come from people and files. matplotlib would take
a `$` in them for the start of a formula, and warn about letters that its font lacks.
"""

from __future__ import annotations

import functools
import os
import unicodedata

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.ticker import (
    FuncFormatter,
    LogFormatter,
    LogFormatterMathtext,
    ScalarFormatter,
)

# Where the usual font has no glyph, the first of these that is installed and has it.
FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "IPAGothic",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Emoji",
    "Segoe UI Symbol",
    "Arial Unicode MS",
    "Unifont",
)
# The first is LaTeX, the second a formula.
_AS_TEXT = {"text.usetex": False, "text.parse_math": False}
# What a figure has whose layout engine is None.
_NO_LAYOUT = {"figure.autolayout": False, "figure.constrained_layout.use": False}
# Of `set_title`: its place is known, and not searched for in each drawing.
TITLE_AT_TOP = {"y": 1.0}


def save(figure, *paths):
    """Writes a figure with all of its texts shown literally, the same bytes each time.

    A character that no font has is shown as its code point, such as U+732B. The figure
    is laid out once, for all of its files.

    Args:
        figure: a `matplotlib.figure.Figure`.
        *paths: of the files; their suffixes say the formats.
    """
    # Labels of ticks are made when the figure is drawn, hence the context as well.
    with matplotlib.rc_context(_AS_TEXT | _NO_LAYOUT):
        FigureCanvasAgg(figure)  # of the layout and of a PNG: texts are measured once
        _show_literally(figure)
        _pass_over_empty_labels(figure)
        _lay_out(figure)
        for path in paths:
            dated = os.path.splitext(path)[1] == ".svg"
            figure.savefig(path, metadata={"Date": None} if dated else None)


def _show_literally(figure):
    usual = _characters(_usual_font())
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        if not all(c == "\n" or ord(c) in usual for c in text.get_text()):
            text.set_fontfamily(list(_families()))
        text.set_text(spelled(text.get_text()))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _spell_powers(axis)
            _spell_ticks(axis.get_major_formatter())


def _pass_over_empty_labels(figure):
    """Gives the labels of axes that have no text a place.

    It would be searched for, several times a drawing, with all labels of ticks.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)


def _lay_out(figure):
    """Runs a figure's layout engine, where it has one, and takes it out.

    `savefig` would draw all of the figure an additional time for it.
    """
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def spelled(text):
    """A text with code points in place of characters that cannot be drawn."""
    if all(c == "\n" or " " <= c <= "~" for c in text):
        return text
    return "".join(c if _can_be_drawn(c) else f"U+{ord(c):04X}" for c in text)


def _can_be_drawn(character):
    if character == "\n":
        return True
    # Control characters, halves of surrogate pairs: no SVG may hold them.
    if unicodedata.category(character) in ("Cc", "Cs", "Cn"):
        return False
    return any(ord(character) in _characters(name) for name in _families())


def _families():
    return (_usual_font(), *_installed_fallbacks())


def _spell_powers(axis):
    """Lets a logarithmic axis have numbers, where powers would be formulas."""
    if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
        axis.set_major_formatter(LogFormatter())
    if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
        axis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _spell_ticks(formatter):
    """Keeps formulas and characters without glyphs out of the labels of an axis."""
    if isinstance(formatter, ScalarFormatter):
        formatter.set_useMathText(False)
    elif isinstance(formatter, FuncFormatter):  # it has the labels that were given
        given = formatter.func
        formatter.func = lambda value, place: spelled(given(value, place))


def _usual_font():
    path = font_manager.findfont(font_manager.FontProperties())
    return font_manager.get_font(path).family_name


@functools.cache
def _installed_fallbacks():
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in FALLBACK_FONTS if name in installed)


@functools.cache
def _characters(family):
    """The code points that a font has glyphs of."""
    path = font_manager.findfont(font_manager.FontProperties(family=[family]))
    return frozenset(font_manager.get_font(path).get_charmap())
