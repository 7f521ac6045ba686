"""What collaboration gains: differences of test errors from training apart.

Each setting is compared with the traditional ensemble (Single), model by model, and
beside ours stands the paper's difference. A model's intervals hold together, and rest
on the seeds of all its settings (docs/statistics.md). Where there is one seed, an
interval is what its test images leave open; what other seeds would give it cannot say.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from collaborative.experiments import reference
from collaborative.report import comparison, styles
from collaborative.report.image_answers import ImageAnswers
from collaborative.report.layout import Difference
from collaborative.report.tables import Cell, Table, file_name
from collaborative.runs import run_table
from collaborative.system import drawing

OURS_AT, PAPER_AT = -0.15, 0.2  # of a row in the figure
PAPER_STYLE = {"marker": "D", "mfc": "none", "ms": 4.5, "ls": "", "color": "#0072B2"}
FAR = (
    2.0  # times the upper quartile: what lies beyond is drawn at the edge, with number
)
HOW_TO_READ = (
    "Bars are 95 % intervals that hold together for a model's settings: over seeds, "
    "paired; of one seed, what its test images leave open, not what other seeds would "
    "change. Green, pointing left: fewer errors by more than the bar; red, pointing "
    "right: more; grey circles: open"
)


def differences(runs, records, dataset, paper=None):
    """Each setting's test error minus that of Single, in points.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        records: what `records.load` gave.
        dataset: whose runs.
        paper: `author_runs.load()`, or None.

    Returns:
        A DataFrame with the columns method, alpha, model, difference, half_width,
        seeds, clear (True: fewer errors, False: more, None: open) and paper; NaN, and 0
        seeds, where something is not there. Empty where none of the runs can be
        compared.
    """
    ours, theirs = _differences(runs[runs["dataset"] == dataset], records), {}
    if ours and paper is not None:
        name = reference.paper_dataset(dataset)
        theirs = _differences(paper[paper["dataset"] == name], {})
    nothing = Difference(math.nan, math.nan, math.nan, 0)
    rows = []
    for setting in reference.in_order({key[:2] for key in (*ours, *theirs)}):
        for model in reference.MODELS:
            found = ours.get((*setting, model), nothing)
            told = not math.isnan(found.half_width)
            rows.append(
                {
                    "method": setting[0],
                    "alpha": setting[1],
                    "model": model,
                    "difference": found.mean,
                    "half_width": found.half_width,
                    "seeds": found.seeds,
                    "clear": found.below if told else None,
                    "paper": theirs.get((*setting, model), nothing).mean,
                }
            )
    return pd.DataFrame(rows)


def _differences(runs, records):
    """A `layout.Difference` by method, alpha and model, for those with Single."""
    final = run_table.final_epochs(runs)
    keys = ["method", "alpha", "seed"]
    named = final.drop_duplicates("run").set_index(keys)["run"].to_dict()
    found = {}
    for model, part in final.groupby("model"):
        errors = run_table.percent(part.set_index(keys)["test_error"])
        values = errors.unstack("seed")
        if reference.SINGLE not in values.index:
            continue

        def answers(setting, seed, model=model):
            record = records.get(named[*setting, seed])
            return [ImageAnswers.recorded(record, model)] if record else []

        gaps = comparison.family(values, reference.SINGLE, answers)
        found |= {(*setting, model): gap for setting, gap in gaps.items()}
    return found


def table(found, dataset):
    """The differences as a `tables.Table`, clear ones in bold.

    Args:
        found: what `differences` gave; not empty.
        dataset: whose.
    """
    compared = found["paper"].notna().any()
    header = ["setting"]
    for model in reference.MODELS:
        name = styles.NAMES[model]
        header += [name, f"{name} paper"] if compared else [name]
    mixed = found.loc[found["seeds"] > 0, "seeds"].nunique() > 1
    rows = []
    for setting, part in found.groupby(["method", "alpha"], sort=False):
        cells = [Cell(reference.label(*setting))]
        for row in part.itertuples():
            cells.append(Cell(_text(row, mixed), row.clear is not None))
            if compared:
                cells.append(Cell(_signed(row.paper)))
        rows.append(tuple(cells))
    return Table(
        name=f"table_differences_{file_name(dataset)}",
        caption=f"{reference.dataset_label(dataset)}, collaboration against training "
        f"apart: test error minus that of Single, points; {_note(found)}",
        header=tuple(header),
        rows=rows,
        data=found,
    )


def _signed(value):
    return "-" if math.isnan(value) else f"{value:+z.2f}"


def _text(row, mixed):
    text = _signed(row.difference)
    if not math.isnan(row.half_width):
        text += f" ± {row.half_width:.2f}"
    return text + " (one seed)" * (mixed and row.seeds == 1)


def _note(found):
    """How to read the intervals."""
    several, one = found[found["seeds"] > 1], found[found["seeds"] == 1]
    notes = []
    if len(several):
        clear = several["clear"].notna().sum()
        notes.append(
            f"{several['seeds'].max()} paired seeds, 95 % intervals that hold together "
            f"for each model; clear (bold): {clear} of {len(several)}"
        )
    if one["half_width"].notna().any():
        notes.append("one seed: ± 95 % over its test images at most, not over seeds")
    elif len(one):
        notes.append("one seed")
    return "; ".join(notes)


def figure(found, narrow=False):
    """A panel for each model: the differences with intervals, the paper's beside them.

    Args:
        found: what `differences` gave; not empty.
        narrow: whether the panels stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure. `HOW_TO_READ` says what its colours and marks mean.
    """
    settings = list(found.groupby(["method", "alpha"], sort=False).groups)
    count = len(reference.MODELS)
    rows, columns = (count, 1) if narrow else (1, count)
    width = styles.NARROW_WIDTH if narrow else styles.WIDTH
    height = rows * (1.0 + 0.34 * len(settings)) + 0.6
    drawn = Figure(figsize=(width, height), dpi=110, layout="constrained")
    panels = drawn.subplots(rows, columns, sharex=True, sharey=True)
    limit = _limit(found)
    for axes, model in zip(panels, reference.MODELS, strict=True):
        for row in found[found["model"] == model].itertuples():
            _draw(axes, row, settings.index((row.method, row.alpha)), limit)
        axes.axvline(0, color="#999999", lw=0.8)
        axes.set_xlim(-1.15 * limit, 1.15 * limit)
        axes.set_title(styles.NAMES[model], fontsize=9, **drawing.TITLE_AT_TOP)
        axes.set_xlabel("points more (+) or fewer (-) errors than apart", fontsize=8)
        styles.ruled(axes, "x")
        axes.label_outer()
    panels[0].set_yticks(range(len(settings)), [reference.label(*s) for s in settings])
    panels[0].set_ylim(len(settings) - 0.5, -0.5)  # the first above, also alone
    return drawn


def _draw(axes, row, place, limit):
    """Our difference with its interval, and the paper's below it."""
    colour = styles.CLEAR[row.clear]
    style = {
        "marker": styles.CLEAR_MARKERS[row.clear],
        "ms": 6,
        "ls": "",
        "color": colour,
    }
    style["mfc"] = "white" if row.clear is None else colour
    _mark(axes, row.difference, place + OURS_AT, limit, style)
    if abs(row.difference) <= limit and row.half_width > 0:
        ends = row.difference - row.half_width, row.difference + row.half_width
        axes.plot(ends, [place + OURS_AT] * 2, color=colour, lw=1.5)
    _mark(axes, row.paper, place + PAPER_AT, limit, PAPER_STYLE)


def _limit(found):
    """How far the panels reach, so that a few large differences do not squeeze all."""
    ours = found["difference"].abs() + found["half_width"].fillna(0)
    return FAR * np.nanquantile([*ours, *found["paper"].abs()], 0.75) or 1.0


def _mark(axes, value, place, limit, style):
    """A mark at a value; at the edge, with the number, where it lies beyond."""
    if math.isnan(value):
        return
    inside = float(np.clip(value, -limit, limit))
    axes.plot([inside], [place], **style)
    if inside != value:
        side = "right" if value > 0 else "left"
        axes.annotate(
            f"{value:+.1f}", (inside, place), (-5 if value > 0 else 5, 0), ha=side,
            va="center", textcoords="offset points", fontsize=7, color=style["color"],
        )  # fmt: skip
