"""Errors by class, where a data set has unequal classes (`runs.reader`); confusions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from collaborative.experiments import reference
from collaborative.report.tables import Cell, Table, file_name
from collaborative.runs.reader import has_unequal_classes

MOST_CONFUSIONS = 15  # rows of their table


def balanced(records):
    """The balanced errors of runs with unequal classes: fractions by (run, model).

    Args:
        records: what `records.load` gave.
    """
    return {
        (run, model): scores["balanced_error"]
        for run, record in records.items()
        if has_unequal_classes(record)
        for model, scores in record["models"].items()
    }


def table(groups, dataset):
    """The error of each class, by method and weight: a mean over seeds.

    Args:
        groups: dict from (method, alpha) to the records of its runs, one a seed.
        dataset: whose table.

    Returns:
        A `tables.Table` of the ensemble, or of a network alone, with a row for each
        class; its data has the members too.
    """
    first = next(iter(groups.values()))[0]
    names, last = first["class_names"], list(first["models"])[-1]
    counts = first["models"][last]["confusion"].sum(axis=1)
    data = pd.concat(
        pd.DataFrame(
            {
                "class": names,
                "method": method,
                "alpha": alpha,
                "model": model,
                "error": _mean_errors(found, model, len(names)),
            }
        )
        for (method, alpha), found in groups.items()
        for model in found[0]["models"]
    )
    shown = data[data["model"] == last]
    rows = [
        (
            Cell(str(name)),
            Cell(f"{count:,}"),
            *(Cell(_percent(e)) for e in shown.loc[shown.index == i, "error"]),
        )
        for i, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    return Table(
        name=f"table_classes_{file_name(dataset)}",
        caption=f"{reference.dataset_label(dataset)}, error by class in %, {last}; "
        "means over seeds",
        header=("class", "test images", *(reference.label(*s) for s in groups)),
        rows=rows,
        data=data,
    )


def confusions(setting, found, dataset):
    """Which classes are taken for which most often, for more than a figure can name.

    Args:
        setting: (method, alpha).
        found: the records of its runs, one a seed.
        dataset: whose table.

    Returns:
        A `tables.Table` of the MOST_CONFUSIONS most frequent ones of the ensemble; its
        data has all that there are. None where no image is classified wrongly.
    """
    names = found[0]["class_names"]
    counts = sum(record["models"]["ensemble"]["confusion"] for record in found)
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    of_class = np.maximum(counts.sum(axis=1), 1)
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    true, predicted = np.unravel_index(order, wrong.shape)
    if not len(order):
        return None
    data = pd.DataFrame(
        {
            "class": [names[i] for i in true],
            "taken_for": [names[i] for i in predicted],
            "images": wrong[true, predicted],
            "fraction_of_class": wrong[true, predicted] / of_class[true],
        }
    )
    rows = [
        (
            Cell(str(row[0])),
            Cell(str(row[1])),
            Cell(f"{row[2]:,.0f}"),
            Cell(_percent(row[3])),
        )
        for row in data.head(MOST_CONFUSIONS).itertuples(index=False)
    ]
    return Table(
        name=f"table_confusions_{file_name(dataset)}",
        caption=f"{reference.dataset_label(dataset)}, {reference.label(*setting)}, "
        "what the ensemble takes for what most often",
        header=("class", "taken for", "images", "% of the class"),
        rows=rows,
        data=data,
    )


def _mean_errors(found, model, classes):
    """Mean over the seeds; NaN where it was not recorded, or a class has no images."""
    lacking = np.full(classes, np.nan)
    return np.mean(
        [r["models"][model].get("class_errors", lacking) for r in found], axis=0
    )


def _percent(error):
    return "-" if np.isnan(error) else f"{100 * error:.2f}"
