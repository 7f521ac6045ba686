"""Tables and figures beyond the paper: calibration, agreement, churn, confusion.

They rest on what each finished run has recorded of its trained model (`records`); runs
from before that was recorded are left out.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from collaborative.experiments import reference
from collaborative.report import class_errors, image_answers, styles
from collaborative.report.image_answers import ImageAnswers
from collaborative.report.tables import Cell, Table, file_name
from collaborative.runs.reader import has_unequal_classes
from collaborative.system import drawing, text_table

# Columns of the table of a data set, with the decimals that are shown.
BALANCED = {"balanced_error": 2}  # where classes are unequal
SCORES = {"nll": 4, "brier": 4, "ece": 2, "churn": 2, "detection": 3}
AGREEMENT = {"disagreement": 2, "gain": 2}
TITLES = {
    "balanced_error": "balanced error %",
    "nll": "NLL",
    "brier": "Brier score",
    "ece": "ECE %",
    "churn": "churn %",
    "detection": "AUROC",
    "disagreement": "members disagree %",
    "gain": "gain of the ensemble, points",
}
PERCENT = ("balanced_error", "ece", "churn", "disagreement", "gain")
MOST_NUMBERS = 20  # classes of which a confusion matrix has names and numbers
LEAST_BLACK = 10  # % of a class: what is rarer is never drawn black
LONGEST_LABEL = 24  # characters of a class name at an axis


def quality_tables(runs, records, dataset):
    """Scores of each model, and agreement of the members, by method and weight.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        records: what `records.load` gave.
        dataset: whose tables.

    Returns:
        Two `tables.Table`s of means over seeds, or none where nothing is recorded; a
        third, of the error by class, where classes are unequal (`reader`); another, of
        confusions, where there are more than MOST_NUMBERS classes. Churn is the mean,
        over pairs of seeds, of the fraction of common test images that are classified
        differently.
    """
    groups = _by_setting(runs, records, dataset)
    if not groups:
        return []
    unequal = any(has_unequal_classes(r) for rs in groups.values() for r in rs)
    columns = BALANCED | SCORES if unequal else SCORES
    scores, agreement = [], []
    for setting, found in groups.items():
        key = {"method": setting[0], "alpha": setting[1], "seeds": len(found)}
        for model in found[0]["models"]:
            numbers = {name: _mean(found, name, model) for name in columns}
            scores.append(key | {"model": model} | numbers)
        agreement.append(
            key | {n: float(np.mean([r[n] for r in found])) for n in AGREEMENT}
        )
    foreign = {
        r["foreign"] for found in groups.values() for r in found if "foreign" in r
    }
    name = reference.dataset_label(dataset)
    caption = f"{name}, beyond the error; means over seeds"
    if foreign:
        caption += f"; AUROC: its images against those of {', '.join(sorted(foreign))}"
    together = f"{name}, members and ensemble"
    return [
        _table("quality", dataset, caption, scores, columns),
        _table("agreement", dataset, together, agreement, AGREEMENT),
        *([class_errors.table(groups, dataset)] if unequal else []),
        *_confusions(groups, dataset),
    ]


def _chosen(groups):
    """The setting whose confusions are shown: L2 0.01, else the first."""
    return reference.CHOSEN if reference.CHOSEN in groups else next(iter(groups))


def _confusions(groups, dataset):
    """A table of confusions, where the figure cannot have the names of all classes."""
    setting = _chosen(groups)
    found = groups[setting]
    if len(found[0]["class_names"]) <= MOST_NUMBERS:
        return []
    table = class_errors.confusions(setting, found, dataset)
    return [] if table is None else [table]


def _by_setting(runs, records, dataset):
    """Records by (method, alpha), in the order of the paper's tables."""
    first = runs[runs["dataset"] == dataset].drop_duplicates("run")
    known = first[first["run"].isin(list(records))]
    groups = {}
    for row in known.sort_values("seed").itertuples():
        groups.setdefault((row.method, row.alpha), []).append(records[row.run])
    return {setting: groups[setting] for setting in reference.in_order(groups)}


def _mean(found, name, model):
    """Mean over the seeds of a score; NaN where it is not known."""
    if name == "churn":
        given = [ImageAnswers.recorded(record, model) for record in found]
        values = [image_answers.churn(*p) for p in itertools.combinations(given, 2)]
    elif name == "detection":
        values = [r["detection"][model] for r in found if "detection" in r]
    else:
        values = [r["models"][model].get(name, np.nan) for r in found]
    return float(np.mean(values)) if values else float("nan")


def _table(kind, dataset, caption, rows, columns):
    """A table of the columns that have any number; its data has all."""
    data = pd.DataFrame(rows)
    columns = {n: digits for n, digits in columns.items() if data[n].notna().any()}
    keys = ["model"] if "model" in data else []
    cells = [
        (
            Cell(reference.label(row["method"], row["alpha"])),
            *(Cell(styles.NAMES.get(row[key], row[key])) for key in keys),
            *(
                Cell(_shown(row[name], name, digits))
                for name, digits in columns.items()
            ),
        )
        for row in rows
    ]
    return Table(
        name=f"table_{kind}_{file_name(dataset)}",
        caption=caption,
        header=("method", *keys, *(TITLES[name] for name in columns)),
        rows=cells,
        data=data,
    )


def _shown(value, name, digits):
    if value != value:
        return "-"
    return f"{100 * value if name in PERCENT else value:z.{digits}f}"


def reliability_figure(runs, records, dataset, narrow=False):
    """Reliability diagrams of the traditional ensemble and L2 0.01, over all seeds.

    Args:
        runs, records, dataset: as for `quality_tables`.
        narrow: whether the models stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure with a panel for each model, or None where neither is
        recorded. On the diagonal a model is right as often as it is confident.
    """
    groups = _by_setting(runs, records, dataset)
    drawn_as = {
        reference.SINGLE: styles.GREYS["M"],
        reference.CHOSEN: styles.CLOSE_STYLES["M"],
    }
    shown = {setting: groups[setting] for setting in drawn_as if setting in groups}
    if not shown:
        return None
    figure, panels = _reliability_panels(narrow)
    for model, (axes, counts) in zip(styles.NAMES, panels, strict=True):
        axes.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
        for setting, found in shown.items():
            colour, dashes, marker = drawn_as[setting]
            pooled = _pooled([r["models"][model] for r in found])
            axes.plot(
                *pooled[:2], color=colour, linestyle=dashes, marker=marker,
                markersize=4, label=reference.label(*setting),
            )  # fmt: skip
            counts.plot(
                pooled[0], pooled[2], color=colour, linestyle=dashes, marker=marker,
                markersize=4,
            )  # fmt: skip
        axes.set_title(styles.NAMES[model], **drawing.TITLE_AT_TOP)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        counts.set(xlabel="confidence", yscale="log")
        counts.grid(alpha=0.3)
        counts.label_outer()
    for axes, counts in panels[: len(panels) if narrow else 1]:
        axes.set_ylabel("fraction classified rightly")
        counts.set_ylabel("images")
    panels[0][0].legend(loc="upper left", fontsize=8)
    return figure


def _reliability_panels(narrow):
    """A figure, and for each model its diagram and the counts below it."""
    if not narrow:
        figure = Figure(figsize=(styles.WIDTH, 5), dpi=110, layout="constrained")
        shared = {"sharex": True, "sharey": "row", "height_ratios": (3, 1)}
        return figure, list(zip(*figure.subplots(2, 3, **shared), strict=True))
    size = styles.NARROW_WIDTH, 12
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots(6, 1, sharex=True, height_ratios=(3, 1) * 3)
    return figure, list(zip(axes[::2], axes[1::2], strict=True))


def _pooled(scores):
    """Of the bins of several runs that have any image: confidence, accuracy, images."""
    bins = np.stack([s["reliability"] for s in scores])
    count = bins[..., 0].sum(axis=0)
    full = count > 0
    sums = (bins[..., :1] * bins[..., 1:]).sum(axis=0)[full]
    return (*(sums / count[full, None]).T, count[full])


def confusion_figure(runs, records, dataset, narrow=False):
    """How often the ensemble (L2 0.01, else the first setting) confuses two classes.

    Args:
        runs, records, dataset: as for `quality_tables`.
        narrow: whether it is for a narrow screen.

    Returns:
        A matplotlib figure of the counts over all seeds in % of each true class, or
        None where nothing is recorded.
    """
    groups = _by_setting(runs, records, dataset)
    if not groups:
        return None
    setting = _chosen(groups)
    found = groups[setting]
    names = [text_table.shortened(n, LONGEST_LABEL) for n in found[0]["class_names"]]
    counts = sum(record["models"]["ensemble"]["confusion"] for record in found)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = (styles.NARROW_WIDTH, 4) if narrow else (6.2, 5.6)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots()
    wrong = np.where(np.eye(len(counts), dtype=bool), np.nan, percent)
    most = np.max(wrong, where=~np.isnan(wrong), initial=0)
    black = max(most, LEAST_BLACK)
    axes.imshow(wrong, cmap="Greys", vmin=0, vmax=black)
    if len(names) <= MOST_NUMBERS:
        _write_numbers(axes, percent, black)
    axes.set(xlabel="predicted", ylabel="true")
    shown = range(0, len(names), math.ceil(len(names) / MOST_NUMBERS))
    some = [names[place] for place in shown]
    axes.set_xticks(shown, some, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(shown, some, fontsize=8)
    title = f"{reference.label(*setting)}, ensemble: % of a true class"
    axes.set_title(text_table.shortened(title, 70), fontsize=9, **drawing.TITLE_AT_TOP)
    return figure


def _write_numbers(axes, percent, black):
    """Each number of a confusion matrix in its field, in white where this is dark."""
    for (row, column), value in np.ndenumerate(percent):
        dark = row != column and value > 0.6 * black
        style = {"ha": "center", "va": "center", "fontsize": 7}
        colour = "white" if dark else "black"
        axes.text(column, row, f"{value:.1f}", color=colour, **style)
