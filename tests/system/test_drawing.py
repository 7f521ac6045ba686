import os
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from conftest import ROOT
from matplotlib.figure import Figure
from matplotlib.text import Text

from collaborative.system import drawing

NAMES = ["$10", "under_$10_to_$20", r"\frac", "$x_$", "猫", "a\x01", "b\ud800", "é\nè"]


def a_figure(names):
    """A figure with names in its title, ticks, legend, texts and labels."""
    figure = Figure(layout="constrained")
    axes = figure.add_subplot(title=names[0], xlabel=names[1], ylabel=names[2])
    for name in names:
        axes.plot([0, 1], label=name)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.annotate(names[3], (0, 0))
    axes.legend()
    figure.suptitle(names[4])
    return figure


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_names_are_drawn_literally_and_without_a_warning(suffix, tmp_path, caplog):
    path = tmp_path / f"x.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing.save(a_figure(NAMES), path)
    assert path.stat().st_size > 1_000 and not caplog.records
    if suffix == "svg":
        ET.parse(path)  # no SVG may hold control characters


def test_every_text_says_what_it_was_given(tmp_path):
    figure = a_figure(["$a$", "50 %", "c_d", "x^2", "é", "~"])
    drawing.save(figure, tmp_path / "x.png")
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert not any(text.get_parse_math() for text in texts)
    assert {"$a$", "50 %", "c_d", "x^2", "é"} <= {text.get_text() for text in texts}


def test_what_no_font_has_is_shown_by_its_code_point(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "_installed_fallbacks", lambda: ())
    assert drawing.spelled("a猫\x07é") == "aU+732BU+0007é"
    figure = a_figure(NAMES)
    drawing.save(figure, tmp_path / "x.svg")
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert labels[4] == "U+732B" and labels[0] == "$10"


def test_fonts_that_have_a_letter_are_used(monkeypatch, tmp_path):
    """Fonts of matplotlib's own, since others may not be there."""
    with matplotlib.rc_context({"font.family": "DejaVu Sans Mono"}):
        known = drawing._characters("DejaVu Sans Mono")
        letter = next(
            chr(c) for c in sorted(drawing._characters("DejaVu Sans") - known)
            if chr(c).isalpha()
        )  # fmt: skip
        fallbacks = ("DejaVu Sans",)
        monkeypatch.setattr(drawing, "_installed_fallbacks", lambda: fallbacks)
        figure = Figure()
        axes = figure.add_subplot(title=letter, xlabel="x")
        drawing.save(figure, tmp_path / "x.png")
        assert axes.get_title() == letter
        families = axes.title.get_fontfamily(), axes.xaxis.label.get_fontfamily()
        assert families == (["DejaVu Sans Mono", "DejaVu Sans"], ["DejaVu Sans Mono"])


def test_ordinary_figures_are_drawn_as_matplotlib_draws_them(tmp_path):
    for save, name in ((drawing.save, "a"), (Figure.savefig, "b")):
        figure = a_figure(["a", "b_c", "50 %", "-1.5", "Ens", "±"])
        save(figure, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_person_s_settings_bring_no_formulas_back(tmp_path):
    settings = {"text.parse_math": True, "axes.formatter.use_mathtext": True}
    with matplotlib.rc_context(settings):
        figure = Figure()
        axes = figure.add_subplot(title="$")
        axes.plot([1e-7, 2e-7], np.array([1e9, 2e9]))
        drawing.save(figure, tmp_path / "x.svg")
        labels = [t.get_text() for t in axes.get_yticklabels()]
    assert labels and not any("$" in label for label in labels)


def test_no_window_system_is_touched(tmp_path):
    """Figures are made without pyplot, which would start one."""
    code = (
        "import sys; from matplotlib.figure import Figure;"
        "from collaborative.report import page;"
        "from collaborative.system import drawing;"
        f"drawing.save(Figure(), {str(tmp_path / 'x.png')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert not any('backend_tk' in m or 'backend_qt' in m for m in sys.modules)"
    )
    env = os.environ | {"MPLBACKEND": "tkagg", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=env)


@pytest.mark.parametrize("values", [(1, 1e5), (2, 7)])
def test_powers_are_spelled_as_numbers(values, tmp_path):
    figure = Figure()
    axes = figure.add_subplot(yscale="log")
    axes.plot(values)
    drawing.save(figure, tmp_path / "x.png")
    labels = [*axes.get_yticklabels(), *axes.get_yticklabels(minor=True)]
    texts = {text.get_text().replace("\N{MINUS SIGN}", "-") for text in labels} - {""}
    assert texts and all(float(text) > 0 for text in texts)
