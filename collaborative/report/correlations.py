"""How alike our grid and the paper's rank settings: Spearman's correlation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from collaborative.experiments import reference
from collaborative.report import comparison, tables
from collaborative.runs import run_table

LEAST_P = 2 / 10_000  # of a two-sided test of 9,999 random pairings
HARMFUL = (("L1", 1.0), ("L2", 1.0))  # settings that all networks are much worse with


def table(runs, paper):
    """How alike our grid and the paper's rank the settings, by Spearman's correlation.

    Args:
        runs: rows of `run_table.load_runs`; those in the paper's setting count.
        paper: `author_runs.load()`.

    Returns:
        A `tables.Table` with two rows for each data set and quantity, one of them
        without `HARMFUL`, which are last in any ranking; or None where there are fewer
        than three settings to compare.
    """
    found = [
        row | {"without": without}
        for without, left_out in (("", ()), (_without(HARMFUL), HARMFUL))
        for row in of_grids(
            *(run_table.without(part, left_out) for part in (runs, paper))
        )
    ]
    data = pd.DataFrame(row for row in found if row["settings"] >= 3)
    if data.empty:
        return None
    rows = []
    by = ["dataset", "quantity", "without"]
    for (dataset, quantity, without), part in data.groupby(by, sort=False):
        title = f"{reference.dataset_label(dataset)}, {quantity}{without}"
        texts = (_correlation(found) for found in part.itertuples())
        texts = (title, *texts, str(part["settings"].iloc[0]))
        rows.append(tuple(map(tables.Cell, texts)))
    return tables.Table(
        name="table_correlations",
        caption="Spearman's rank correlation of our grid with the paper's, over the "
        "settings in common",
        header=("final test", *tables.heads(False)[1:], "settings"),
        rows=rows,
        data=data,
    )


def _without(settings):
    return f", without {' and '.join(reference.label(*each) for each in settings)}"


def _correlation(found):
    if math.isnan(found.rho):
        return "-"
    sign = "≤" if found.p <= LEAST_P else "="
    return f"{found.rho:+.2f} (p {sign} {found.p:.2g})"


def of_grids(runs, paper):
    """Spearman's correlation of our final results with the paper's over the grid.

    Args:
        runs: rows of `run_table.load_runs`; those in the paper's setting count.
        paper: `author_runs.load()`.

    Returns:
        List of dicts: dataset, model, quantity, rho, p, settings (how many in common).
    """
    runs = runs[runs["setting"] == ""]
    ours, theirs = comparison.final_summary(runs), comparison.final_summary(paper)
    rows = []
    for dataset in sorted(runs["dataset"].unique(), key=reference.dataset_place):
        their_name = reference.paper_dataset(dataset)
        if their_name is None:
            continue
        for model in reference.MODELS:
            for quantity in ("error", "cost"):
                rho, p, count = rank_correlation(
                    _grid(ours, dataset, model, quantity),
                    _grid(theirs, their_name, model, quantity),
                )
                rows.append(
                    {"dataset": dataset, "model": model, "quantity": quantity}
                    | {"rho": rho, "p": p, "settings": count}
                )
    return rows


def _grid(summary, dataset, model, quantity):
    """A Series by (method, alpha)."""
    rows = summary[quantity].reset_index()
    chosen = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
    return chosen.set_index(["method", "alpha"])[quantity]


def rank_correlation(a, b):
    """Spearman's rank correlation of two Series over their common index.

    Returns:
        (rho, p, n) of the n numbers that both have; p is a permutation test's, exact up
        to seven pairs and of 9,999 random pairings above, so that `LEAST_P` is its
        least. rho and p are NaN for fewer than three pairs, or where a side is
        constant.
    """
    a, b = a.dropna().align(b.dropna(), join="inner")
    if len(a) < 3 or a.nunique() == 1 or b.nunique() == 1:
        return math.nan, math.nan, len(a)
    ranks, other = stats.rankdata(a), stats.rankdata(b)
    test = stats.permutation_test(  # with fixed ranks rho grows with their product
        (ranks,), lambda x, axis: x @ other, permutation_type="pairings", random_state=0
    )
    return float(np.corrcoef(ranks, other)[0, 1]), float(test.pvalue), len(a)
