"""The data of the page's curves, whose values can be read off by hovering.

The page's script draws them; it gets each line's name, colour, dashes and values.
"""

from __future__ import annotations

import itertools
import math

from collaborative.experiments import reference
from collaborative.report import comparison, styles

QUANTITIES = {
    "test error (%)": "test_error",
    "test cost": "test_cost",
    "validation error (%)": "validation_error",
    "training error (%)": "train_error",
    "training cost": "train_cost",
}
_CHART = ["dataset", "members", "setting"]
_LINE = [*_CHART, "method", "alpha"]
_DASHES = {"CE": "", "L2": "7 3", "L1": "2 3", "Single": ""}
_OTHER_DASHES = "7 3 2 3"  # methods not of the paper


def chart_data(runs):
    """One chart for each data set, members and setting.

    Args:
        runs: rows of `run_table.load_runs`.

    Returns:
        A list of dicts of plain values: title; section (the title of the section that
        shows it, "" of other runs); note (how the runs differ from the
        paper's setting, "" where they do not); models; quantities (those with a
        curve: what was measured in one epoch alone is a number); lines, each with
        name, color, dashes, and by model and quantity the values (a mean over seeds
        for each epoch, None where there is none) and widths (half the 95 % interval
        over seeds; only where there are several).
    """
    charts, values = [], _values(runs)
    groups = dict(list(runs.groupby(_CHART)))
    for dataset, members, setting in sorted(groups, key=_place):
        part = groups[dataset, members, setting]
        lines = [
            {
                "name": reference.label(method, alpha),
                "color": _color(method, alpha),
                "dashes": _DASHES.get(method, _OTHER_DASHES),
                **values[dataset, members, setting, method, alpha],
            }
            for method, alpha in reference.in_order(
                set(zip(part["method"], part["alpha"], strict=True))
            )
        ]
        charts.append(
            {
                "title": f"{reference.dataset_label(dataset)}, {members}",
                "section": "" if setting else reference.dataset_label(dataset),
                "note": setting,
                "models": _models(part["model"].unique()),
                "quantities": _curved(lines),
                "lines": lines,
            }
        )
    return charts


def _curved(lines):
    """The quantities of which some line has two values, or one; else the first."""
    counts = {
        name: max(
            sum(value is not None for value in quantities[name])
            for line in lines
            for quantities in line["values"].values()
        )
        for name in QUANTITIES
    }
    least = min(2, max(counts.values()))
    return [name for name, count in counts.items() if count >= least > 0] or [
        next(iter(QUANTITIES))
    ]


def _place(key):
    """Charts in the paper's setting first, in the order of its data sets."""
    dataset, _, setting = key
    return setting != "", reference.dataset_place(dataset), *key


def _models(names):
    """The names in the paper's order, others after these."""
    known = [name for name in reference.MODELS if name in names]
    return known + [name for name in names if name not in known]


def _color(method, alpha):
    if method == "Single":
        return "#111111"
    return styles.of_weight(alpha)[0]


def _values(runs):
    """By `_LINE`: means over seeds and, of several, half widths, as `_by_line`."""
    by_epoch = runs.groupby([*_LINE, "model", "epoch"])[list(QUANTITIES.values())]
    found = {line: {"values": v} for line, v in _by_line(by_epoch.mean()).items()}
    widths = _by_line(comparison.half_widths(by_epoch.std(), by_epoch.count()))
    seeds = runs.groupby(_LINE)["seed"].nunique()
    for line in seeds.index[seeds > 1]:
        found[line]["widths"] = widths[line]
    return found


def _by_line(numbers):
    """Lists by `_LINE`, model and quantity, errors in %."""
    columns = (
        map(_rounded, numbers[column] * (100 if "error" in column else 1))
        for column in QUANTITIES.values()
    )
    rows = zip(numbers.index.droplevel("epoch"), *columns, strict=True)
    found = {}
    for (*line, model), of_model in itertools.groupby(rows, lambda row: row[0]):
        _, *lists = map(list, zip(*of_model, strict=True))
        by_quantity = dict(zip(QUANTITIES, lists, strict=True))
        found.setdefault(tuple(line), {})[model] = by_quantity
    return found


def _rounded(value):
    """Four digits; None for what is no number in JSON."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
