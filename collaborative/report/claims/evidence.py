"""What the checks of the paper's claims rest on: curves by seed, and verdicts of parts.

Only runs in the paper's setting count. The paper's three data sets are looked at; the
small archive of notMNIST stands in where there are no runs on the large one, and is
named as what it is.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from collaborative.datasets import spec
from collaborative.experiments.reference import (
    CHOSEN,
    PAPER_ALPHAS,
    PAPER_DATASETS,
    PAPER_METHODS,
    PAPER_NAMES,
    SINGLE,
    label,
    substitutes,
)
from collaborative.report import comparison
from collaborative.runs.run_table import RUNNING

MEMBERS = ("ST", "M")
MORE_SEEDS = "more seeds (an interval includes zero)"
CURVES = ("test_error", "test_cost", *RUNNING)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a claim.

    holds: True, False, or None where it is open; missing: runs, or more seeds, that
    would be needed then; seeds: the fewest that it rests on, 0 where on no runs.
    """

    text: str
    holds: bool | None
    missing: tuple[str, ...] = ()
    seeds: int = 0


@dataclasses.dataclass(frozen=True)
class Found:
    """A paired `comparison.Difference`, or None and the runs that are missing."""

    difference: comparison.Difference | None
    missing: tuple[str, ...] = ()

    @property
    def below(self):
        """Whether the first is below the second; None where it cannot be told."""
        return self.difference.below if self.difference else None

    @property
    def seeds(self):
        """Seeds of the comparison, 0 where there is none."""
        return self.difference.seeds if self.difference else 0

    @property
    def needed(self):
        """What it would take to tell."""
        if self.difference is None:
            return self.missing or ("runs of both with a seed in common",)
        return () if self.below is not None else (MORE_SEEDS,)


def conjunction(values):
    """False where one is false, else None where one is None, else True."""
    values = list(values)
    if False in values:
        return False
    return None if None in values else True


def count_below(text, found, at_least=None, more_than=None):
    """The part that `at_least` so many, or `more_than` a share, of `found` are below.

    Args:
        text: names the part.
        found: list of `Found`.
        at_least: a number of comparisons (rounded up).
        more_than: a share of them, 0 to 1.
    """
    below = sum(f.below is True for f in found)
    open_ones = [f for f in found if f.below is None]
    if at_least is None:
        wanted = math.floor(more_than * len(found)) + 1
    else:
        wanted = math.ceil(at_least)
    holds = None
    if below >= wanted:
        holds = True
    elif below + len(open_ones) < wanted:
        holds = False
    text = f"{text}: {below} of {len(found)} lower, {wanted} wanted"
    if open_ones:
        text += f", {len(open_ones)} open"
    missing = tuple(need for f in open_ones for need in f.needed)
    return Part(text, holds, missing if holds is None else (), _fewest_seeds(found))


def _fewest_seeds(found):
    return min((f.seeds for f in found if f.seeds), default=0)


class Evidence:
    """The curves of runs by data set, setting, model and seed.

    Args:
        runs: rows of `run_table.load_runs`; those in the paper's setting count.
        inference: what `footprint.sizes` or `footprint.measure` gave.
    """

    def __init__(self, runs, inference=None):
        runs = runs[(runs["setting"] == "") & (runs["members"] == "ST-M")]
        self.inference = inference
        there = set(runs["dataset"])
        self.datasets = tuple(
            next((n for n in (name, *substitutes(name)) if n in there), name)
            for name in PAPER_DATASETS
        )
        groups = runs.groupby(["dataset", "method", "alpha", "model"])
        self._rows = dict(list(groups))
        self._curves = {}  # of the rows that were asked for

    def name(self, dataset):
        """A data set's name in a part's text."""
        small = " (small archive)" * bool(spec(dataset).stands_for)
        return f"{PAPER_NAMES[dataset]}{small}"

    def values(self, dataset, setting, model, statistic=None):
        """A number for each seed, a Series; empty where there are no such runs.

        Args:
            statistic: from the curves, which give for each of `CURVES` a frame of seeds
                x epochs, to a Series by seed. Default: the final test error in %.
        """
        key = (dataset, *setting, model)
        if key not in self._rows:
            return pd.Series(dtype=float)
        if key not in self._curves:
            self._curves[key] = self._rows[key].pivot(
                index="seed", columns="epoch", values=list(CURVES)
            )
        return (statistic or final_error)(self._curves[key])

    def lacking(self, dataset, *settings):
        """Names of those settings of which there are no runs."""
        return tuple(
            f"{self.name(dataset)} {label(*setting)}"
            for setting in settings
            if (dataset, *setting, "ensemble") not in self._rows
        )

    def compare(
        self, dataset, setting, model, other=SINGLE, other_model=None, statistic=None
    ):
        """`Found`: a setting's model minus the other setting's, paired by seed.

        Without `other_model` both models are the same, without `statistic` final test
        errors in % are compared.
        """
        gap = comparison.difference(
            self.values(dataset, setting, model, statistic),
            self.values(dataset, other, other_model or model, statistic),
        )
        return Found(gap, self.lacking(dataset, setting, other))

    def part(self, text, found, digits=2):
        """The part that what was compared is below."""
        if found.difference:
            text += f": {found.difference.text(digits)}"
        return Part(text, found.below, found.needed, found.seeds)

    def best_is_close(self, dataset, model, other_model, tolerance):
        """The part that the best collaborative `model` is close to a traditional one.

        It holds where the mean error of the best setting is at most `tolerance`
        (relative) above that of the traditional `other_model`.
        """
        settings = [
            (method, weight) for method in PAPER_METHODS for weight in PAPER_ALPHAS
        ]
        means = {
            setting: self.values(dataset, setting, model).mean()
            for setting in settings
            if not self.lacking(dataset, setting)
        }
        absent = self.lacking(dataset, *settings, SINGLE)
        text = f"{self.name(dataset)}, best {model} beside traditional {other_model}"
        if not means or self.lacking(dataset, SINGLE):
            return Part(text, None, absent)
        best = min(means, key=means.get)
        bound = (1 + tolerance) * self.values(dataset, SINGLE, other_model)
        gap = comparison.difference(self.values(dataset, best, model), bound)
        found = Found(gap, absent)
        other = self.values(dataset, SINGLE, other_model).mean()
        text += f": {means[best]:.2f} ({label(*best)}) and {other:.2f}"
        if best != CHOSEN and CHOSEN in means:
            text += f"; {label(*CHOSEN)} has {means[CHOSEN]:.2f}"
        if found.below is False and absent:  # one of these could be close
            return Part(text, None, absent, found.seeds)
        return Part(text, found.below, found.needed, found.seeds)

    def weight_correlation(self, dataset, method):
        """The part that the ensemble's error grows with the weight, by rank."""
        settings = [(method, weight) for weight in PAPER_ALPHAS]
        text = f"{self.name(dataset)} {method}, rank correlation of weight and error"
        absent = self.lacking(dataset, *settings)
        if absent:
            return Part(text, None, absent)
        errors = pd.DataFrame(
            {w: self.values(dataset, (method, w), "ensemble") for w in PAPER_ALPHAS}
        ).dropna()
        weights = pd.Series(PAPER_ALPHAS, index=PAPER_ALPHAS)
        rhos = errors.apply(
            lambda row: comparison.rank_correlation(weights, row)[0], axis=1
        ).fillna(0.0)  # all errors equal
        found = Found(comparison.difference(0 * rhos, rhos) if len(rhos) else None)
        text += f": {rhos.mean():+.2f}" if len(rhos) else ""
        return Part(text, found.below, found.needed, found.seeds)


def final_error(curves):
    """The test error after the last epoch in %, by seed."""
    return (100 * curves["test_error"].iloc[:, -1]).round(9)
