"""What a sweep found, as text: errors, the best settings, what collaboration gains.

Errors are those of the models that were kept, means over seeds. Differences are of the
test error, from the same experiment with members that are trained apart; their
intervals are those of `comparison.family` (docs/statistics.md).
"""

from __future__ import annotations

import math

import pandas as pd

from collaborative.data import own_names
from collaborative.experiments import reference
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.settings import IMMATERIAL, SETTINGS
from collaborative.report import comparison
from collaborative.report import records as run_records
from collaborative.report.image_answers import ImageAnswers
from collaborative.runs import reader, run_table, standings
from collaborative.system import text_table

CHOSEN, TEST = "validation", "test"
CLEAR = {True: "fewer", False: "more", None: "open"}
_LEVELS = ("dataset", "method", "alpha", "seed")  # which a label or a heading has


def text(configs, log_dir):
    """The answer of the experiments that are finished; "" where none is.

    Args:
        configs: the `ExperimentConfig`s of a sweep.
        log_dir: directory of all logs.

    Returns:
        For each data set a table for each member and for the ensemble, the lowest error
        first and marked, and what is to be known of their numbers.
    """
    finished = {
        config: standings.logged(config.run_dir(log_dir))
        for config in configs
        if standings.standing(config, log_dir).is_finished
    }
    if not finished:
        return ""
    datasets = dict.fromkeys(config.dataset for config in finished)
    answers = [
        _Answer({c: s for c, s in finished.items() if c.dataset == name})
        for name in datasets
    ]
    notes = dict.fromkeys(note for answer in answers for note in answer.notes())
    return "\n".join([*(answer.text() for answer in answers), *notes])


class _Answer:
    """The answer on one data set.

    Args:
        finished: dict from the `ExperimentConfig`s of finished runs to their
            statistics.
    """

    def __init__(self, finished):
        self._finished = finished
        self._labels = _labels(finished)
        rows = [
            (self._labels[config], config.seed, name, *_errors(curves))
            for config, statistics in finished.items()
            for name, curves in statistics["models"].items()
        ]
        columns = ["setting", "seed", "model", CHOSEN, TEST]
        self._errors = pd.DataFrame(rows, columns=columns)
        self._left_out = []
        self._records = run_records.checked(
            [
                (_run(self._labels[c], c.seed), c.dataset, (), given.get("evaluation"))
                for c, given in finished.items()
            ],
            say=self._left_out.append,
        )
        self._chosen_by = TEST if self._errors[CHOSEN].isna().any() else CHOSEN
        self._gaps = {
            name: self._differences(name) for name in self._errors["model"].unique()
        }

    def text(self):
        """A heading, and a table for each member and for the ensemble."""
        config = next(iter(self._finished))
        name = own_names.short_name(config.dataset)
        counts = self._seeds()
        seeds = f"{counts.max()} seeds" if counts.max() > 1 else "one seed"
        few = " at most" if counts.nunique() > 1 else ""
        heading = f"{name}: errors in %, the mean of {seeds}{few}"
        if counts.max() == 1:
            heading = f"{name}: errors in %, {seeds}"
        tables = [self._table(model) for model in self._gaps]
        return "\n".join([heading, *tables])

    def notes(self):
        """What is to be known of the numbers: lines."""
        lowest = "* lowest, and sorted by, the validation error"
        if self._chosen_by == TEST:
            lowest = (
                "* lowest, and sorted by, the test error, which flatters the lowest of "
                "many:\n  --validation N sets images aside to choose by"
            )
        yield lowest
        yield from self._left_out
        gaps = [gap for found in self._gaps.values() for gap in found.values()]
        of_one_seed = [g for g in gaps if g.seeds == 1 and math.isnan(g.p_value)]
        if len(of_one_seed) < len(gaps):
            yield (
                "minus Single: test error, paired by seed, ± 95 % for all of a model "
                "together;\n  open: the interval includes 0"
            )
        if any(not math.isnan(gap.half_width) for gap in of_one_seed):
            yield (
                "minus Single: test error; of one seed, ± is what its test images "
                "leave open,\n  not other seeds (--seeds)"
            )
        if not gaps and any(c.method != "Single" for c in self._finished):
            yield (
                "what collaboration gains is not told: no Single with the same "
                "settings and seeds\n  is among them (--method)"
            )

    def _seeds(self):
        """How many seeds each setting has: a Series."""
        return self._errors.groupby("setting", sort=False)["seed"].nunique()

    def _table(self, model):
        rows = self._errors[self._errors["model"] == model]
        means = rows.groupby("setting", sort=False)[[CHOSEN, TEST]].mean().round(9)
        means = means.sort_values([self._chosen_by, TEST], kind="stable")
        best = means[self._chosen_by].min()
        gaps, seeds = self._gaps[model], self._seeds()
        shown = [CHOSEN, TEST] if self._chosen_by == CHOSEN else [TEST]
        uneven = seeds.nunique() > 1
        header = [model, *shown, *["minus Single", ""] * bool(gaps)]
        lines = [header + ["seeds"] * uneven]
        for setting, errors in means.iterrows():
            mark = "*" if errors[self._chosen_by] == best and len(means) > 1 else " "
            row = [f"{mark} {setting}", *(f"{errors[name]:.2f}" for name in shown)]
            row += _gap_cells(gaps.get(setting)) if gaps else []
            lines.append(row + [str(seeds[setting])] * uneven)
        return text_table.aligned(lines)

    def _differences(self, model):
        """A model's `layout.Difference` from `Single` by setting, where there is."""
        rows = self._errors[self._errors["model"] == model]
        values = rows.pivot(index="setting", columns="seed", values=TEST)
        controls = {}
        for config, label in self._labels.items():
            control = self._labels.get(config.apart)
            if control in values.index and label in values.index and label != control:
                controls.setdefault(control, {})[label] = None
        found = {}
        for control, settings in controls.items():
            compared = values.loc[[control, *settings]]
            found |= comparison.family(
                compared, control, lambda *key: self._given(model, *key)
            )
        return found

    def _given(self, model, setting, seed):
        """What a model answered, by image, in a list; empty where it is unknown."""
        record = self._records.get(_run(setting, seed))
        if not record or model not in record["answers"]:
            return []
        return [ImageAnswers.recorded(record, model)]


def _run(setting, seed):
    """A run as a person knows it."""
    return f"{setting}, seed {seed}"


def _errors(curves):
    """The errors in % of the model that was kept, on validation and test images."""
    kept = reader.kept_epoch(curves) - 1
    chosen = curves.get("validation_error")
    return (
        math.nan if chosen is None else run_table.percent(chosen[kept]),
        run_table.percent(curves["test_error"][kept]),
    )


def _labels(configs):
    """A name for each experiment of a data set without its seed: dict by config.

    Method and weight, and what else differs among them.
    """
    varied = [
        name
        for name in SETTINGS
        if name not in (*_LEVELS, *IMMATERIAL)
        and len({getattr(config, name) for config in configs}) > 1
    ]
    labels = {}
    for config in configs:
        usual = ExperimentConfig(config.dataset)
        columns = run_table.config_columns(config)
        parts = [columns["members"]] if "members" in varied else []
        parts.append(reference.label(config.method, config.alpha))
        parts += [
            f"{name} {columns[name]}"
            for name in varied
            if name != "members" and getattr(config, name) != getattr(usual, name)
        ]
        labels[config] = ", ".join(parts)
    return labels


def _gap_cells(gap):
    """A difference with its interval, and what it says."""
    if gap is None:
        return ["", ""]
    if math.isnan(gap.half_width):
        return [f"{gap.mean:+z.2f}", ""]
    return [f"{gap.mean:+z.2f} ± {gap.half_width:.2f}", CLEAR[gap.below]]
