"""What the checks of the paper's claims rest on: curves by seed, and verdicts of parts.

Only runs in the paper's setting count. The paper's three data sets are looked at; the
small archive of notMNIST stands in where there are no runs on the large one, and is
named as what it is.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import pandas as pd

from collaborative.datasets import spec
from collaborative.experiments.reference import (
    CHOSEN,
    PAPER_ALPHAS,
    PAPER_DATASETS,
    PAPER_METHODS,
    PAPER_NAMES,
    PAPER_SETTINGS,
    SINGLE,
    label,
    substitutes,
)
from collaborative.report import comparison, correlations, image_answers, layout
from collaborative.report.claims.parts import MORE_SEEDS, Found, Part
from collaborative.report.image_answers import ImageAnswers
from collaborative.runs.run_table import RUNNING, percent

MEMBERS = ("ST", "M")
COLLABORATIVE = tuple(setting for setting in PAPER_SETTINGS if setting != SINGLE)
CURVES = ("test_error", "test_cost", *RUNNING)


class Evidence:
    """The numbers of runs by data set, setting, model and seed.

    Args:
        runs: rows of `run_table.load_runs`; those in the paper's setting count.
        inference: what `inference_cost.sizes` or `inference_cost.measure` gave.
        records: what `records.load` gave: the answers to test images, for intervals
            where there is one seed.
    """

    def __init__(self, runs, inference=None, records=None):
        runs = runs[(runs["setting"] == "") & (runs["members"] == "ST-M")]
        self.inference = inference
        self.records = records or {}
        there = set(runs["dataset"])
        self.datasets = tuple(
            next((n for n in (name, *substitutes(name)) if n in there), name)
            for name in PAPER_DATASETS
        )
        self._rows = dict(list(runs.groupby(["dataset", "model"])))
        each = runs.drop_duplicates(["dataset", "method", "alpha", "seed"])
        keys = zip(each["dataset"], each["method"], each["alpha"], strict=True)
        self._runs = {}  # name by seed, by data set and setting
        for key, seed, run in zip(keys, each["seed"], each["run"], strict=True):
            self._runs.setdefault(key, {})[seed] = run

    def name(self, dataset):
        """A data set's name in a part's text."""
        small = " (small archive)" * bool(spec(dataset).stands_for)
        return f"{PAPER_NAMES[dataset]}{small}"

    @functools.cache  # noqa: B019 - an Evidence lives as long as the report is made
    def curves(self, dataset, model):
        """For each of `CURVES` a frame of epochs by method, weight and seed."""
        rows = self._rows.get((dataset, model))
        if rows is None:
            return None
        rows = rows[["method", "alpha", "seed", "epoch", *CURVES]]
        table = rows.set_index(["method", "alpha", "seed", "epoch"]).unstack("epoch")
        return {name: table[name] for name in CURVES}

    @functools.cache  # noqa: B019
    def values(self, dataset, model, statistic=None):
        """A number of each run: settings x seeds, NaN where a run is missing.

        Args:
            statistic: from `curves` to a Series by method, weight and seed. Default:
                the final test error in %.
        """
        curves = self.curves(dataset, model)
        return table_of((statistic or final_error)(curves) if curves else None)

    def lacking(self, dataset, *settings):
        """Names of those settings of which there are no runs."""
        return tuple(
            f"{self.name(dataset)} {label(*setting)}"
            for setting in settings
            if (dataset, *setting) not in self._runs
        )

    @functools.cache  # noqa: B019 - several claims look at the same family
    def family(self, dataset, model, settings=COLLABORATIVE, other=SINGLE):
        """`Found` for each setting's final test error minus the other's, as a family.

        Where there is one seed the interval is that of its test images.

        Args:
            settings: those that are compared, a tuple.
            other: the control.
        """
        values, gaps = self.values(dataset, model), {}
        if other in values.index:
            answers = functools.partial(self._answers, dataset, model)
            gaps = comparison.family(values, other, answers, settings)
        return [
            Found(gaps.get(setting), self.lacking(dataset, setting, other))
            for setting in settings
        ]

    def _answers(self, dataset, model, setting, seed):
        record = self.records.get(self._runs[dataset, *setting][seed])
        return [ImageAnswers.recorded(record, model)] if record else []

    def chosen(self, dataset, values):
        """`Found`: the paper's choice minus Single, of a table of settings x seeds.

        A setting whose number never varies, such as a cost that ends at its least, says
        nothing of how those vary that do.
        """
        gaps, constant = {}, (values.nunique(axis=1) == 1) & (values.count(axis=1) > 1)
        compared = values.index.isin([SINGLE, CHOSEN])
        values = values[compared | ~constant]
        if SINGLE in values.index:
            gaps = layout.against(values, SINGLE, (CHOSEN,))
        return Found(gaps.get(CHOSEN), self.lacking(dataset, CHOSEN, SINGLE))

    def mean(self, dataset, values, setting, compared=None):
        """`Found`: a setting's mean over seeds, of a table of settings x seeds.

        Args:
            compared: where the numbers are differences of errors, the setting and model
                of both sides: with one seed their test images give the interval.
        """
        average = layout.mean(values, setting) if setting in values.index else None
        if average and average.seeds == 1 and compared:
            (seed,) = values.loc[setting].dropna().index
            answers = [self._answers(dataset, m, s, seed) for s, m in compared]
            if all(answers):
                (one,), (other,) = answers
                width = image_answers.mcnemar_half_width(one, other)
                average = dataclasses.replace(average, half_width=width)
        return Found(average, self.lacking(dataset, setting, SINGLE))

    def part(self, text, found, dataset, digits=2):
        """The part that what was compared is below."""
        if found.difference:
            text += f": {found.difference.text(digits)}"
        return found.part(text, dataset)

    def usually(self, text, dataset, pairs):
        """The part that the first of pairs of settings is usually better, one test."""
        gaps, absent = [], []
        for model in MEMBERS:
            values = self.values(dataset, model)
            there = [pair for pair in pairs if {*pair} <= {*values.index}]
            gaps += [values.loc[a] - values.loc[b] for a, b in there]
            absent += self.lacking(dataset, *(s for pair in pairs for s in pair))
        usual = comparison.usually(pd.DataFrame(gaps)) if gaps else None
        found = Found(usual, tuple(dict.fromkeys(absent)))
        if usual:
            text += f", share that is worse - 1/2: {usual.text()}"
        # An even split is open, and what is missing could turn the others.
        even = usual is not None and usual.mean == 0
        below = None if absent or even else found.below
        needed = found.missing or found.needed or (MORE_SEEDS,) * even
        return Part(text, below, needed, found.seeds, dataset)

    def best_is_close(self, dataset, model, other_model, tolerance):
        """The part that the best collaborative `model` is close to a traditional one.

        It holds where the mean error of the best setting is at most `tolerance`
        (relative) above that of the traditional `other_model`.
        """
        values, others = (self.values(dataset, m) for m in (model, other_model))
        absent = self.lacking(dataset, *COLLABORATIVE, SINGLE)
        text = f"{self.name(dataset)}, best {model} beside traditional {other_model}"
        means = values.drop(index=[SINGLE], errors="ignore").mean(axis=1)
        if not len(means) or self.lacking(dataset, SINGLE):
            return Part(text, None, absent, dataset=dataset)
        best = means.idxmin()
        gaps = values - (1 + tolerance) * others.loc[SINGLE]
        found = self.mean(dataset, gaps, best, ((best, model), (SINGLE, other_model)))
        text += (
            f": {means[best]:.2f} ({label(*best)}) and {others.loc[SINGLE].mean():.2f}"
        )
        if best != CHOSEN and CHOSEN in means:
            text += f"; {label(*CHOSEN)} has {means[CHOSEN]:.2f}"
        if found.below is False and absent:  # one of these could be close
            return Part(text, None, absent, found.seeds, dataset)
        return found.part(text, dataset)

    def weight_correlations(self, dataset):
        """By method, that the ensemble's error grows with the weight: by rank."""
        values, rhos, lacking = self.values(dataset, "ensemble"), {}, {}
        for method in PAPER_METHODS:
            settings = [(method, weight) for weight in PAPER_ALPHAS]
            lacking[method] = self.lacking(dataset, *settings)
            if not lacking[method]:
                errors = values.loc[settings].dropna(axis=1).set_axis(PAPER_ALPHAS)
                rhos[method] = errors.apply(_minus_rank_correlation)
        rhos, parts = pd.DataFrame(rhos).T, []
        for method, absent in lacking.items():
            average = layout.mean(rhos, method) if method in rhos.index else None
            text = f"{self.name(dataset)} {method}, rank correlation of weight and "
            text += "error" + (f": {-average.mean:+.2f}" if average else "")
            parts.append(Found(average, absent).part(text, dataset))
        return parts


def _minus_rank_correlation(errors):
    """Of errors by weight with the weights: below zero where these grow together."""
    weights = pd.Series(PAPER_ALPHAS, index=PAPER_ALPHAS)
    rho, *_ = correlations.rank_correlation(weights, errors)
    return 0.0 if math.isnan(rho) else -rho  # all errors equal


def table_of(numbers):
    """Numbers by method, weight and seed as a table of settings x seeds, in order."""
    if numbers is None:
        return pd.DataFrame()
    table = numbers.unstack("seed")
    return table.loc[[setting for setting in PAPER_SETTINGS if setting in table.index]]


def final_error(curves):
    """The test error after the last epoch in %, by seed."""
    return percent(curves["test_error"].iloc[:, -1])
