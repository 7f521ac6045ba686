"""What the runs of a study say: errors of its arms, and their differences.

Arms are compared with their controls as `families` does. Of an arm with a
`studies.Choice` the candidate counts that has the least error on validation images,
averaged over models and seeds; the test images have no say in it.
"""

from __future__ import annotations

import dataclasses
import itertools

import pandas as pd

from collaborative import resnet
from collaborative.experiments import plans, studies
from collaborative.experiments.config import ExperimentConfig, network_of
from collaborative.experiments.reference import PAPER_SETTINGS
from collaborative.experiments.setting import ConfigError
from collaborative.experiments.settings import SETTINGS
from collaborative.report.studies import families
from collaborative.runs import run_table

# Settings that a person may give a study in place of its own.
FREE = tuple(name for name, facts in SETTINGS.items() if facts.free)
RESULTS = ("test_error", run_table.CHOSEN_BY, run_table.CHOSEN_BY_NOISY)
_WHAT_IS_COMPUTED = [name for name, facts in SETTINGS.items() if facts.material]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A study as far as its runs are there.

    errors: final test errors in %, indexed by arm, model (a preset or "ensemble") and
    seed; of several members of a preset, their mean. differences: by (arm, control,
    model), a `layout.Difference`. lacking: by arm that lacks some, how many of its
    experiments are not there.
    choices: by arm that has some, the errors in % of its candidates, a DataFrame with
    columns RESULTS: the validation errors choose, those with wrong labels would. runs:
    the `ExperimentConfig`s that are there. names: by arm that has runs, and by seed,
    the names of those that count.
    """

    name: str
    study: studies.Study
    base: dict
    errors: pd.Series
    differences: dict
    lacking: dict
    choices: dict
    runs: frozenset
    names: dict

    def chosen(self, arm):
        """The candidate of an arm that was chosen, in words; "" where none was."""
        return best(self.choices[arm]) if arm in self.choices else ""

    @property
    def missing(self):
        """How many experiments are not there."""
        return sum(self.lacking.values())

    @property
    def is_own(self):
        """Whether it has the settings that the study is planned with."""
        planned = self.study.base.items()
        return all(str(self.base.get(k, v)) == str(v) for k, v in planned)

    @property
    def models(self):
        """The models of interest that the runs have, in the study's order."""
        there = self.errors.index.levels[1]
        return [model for model in self.study.compared if model in there]

    def values(self, arm, model):
        """Errors of a model in an arm by seed; empty where there are none."""
        if (arm, model) not in self.errors.index:
            return pd.Series(dtype=float)
        return self.errors.loc[arm, model]

    @property
    def first_names(self):
        """By arm that has runs, the name of the run of its first seed."""
        return {
            arm: next(iter(by_seed.values())) for arm, by_seed in self.names.items()
        }

    def difference(self, arm, model):
        """A model's `layout.Difference` from the arm's control, or None."""
        control = dict(self.study.comparisons()).get(arm)
        return self.differences.get((arm, control, model))


@dataclasses.dataclass(frozen=True)
class _Run:
    """A run's name, and its errors as `_errors` gives them."""

    name: str
    errors: dict

    def compared(self, models, column):
        """Pairs (preset or "ensemble", error in %), of those of some models it has."""
        return [(m, self.errors[m][column]) for m in models if m in self.errors]


def findings(runs, records):
    """The studies that have runs, each for all common settings that they were run with.

    Args:
        runs: rows of `run_table.load_runs`.
        records: what `records.load` gave.

    Returns:
        List of `Finding`s with at least one comparison, in the order of the studies. An
        arm counts that is none of the paper's own grid, and on another data set than
        the study's none of a larger finding either, or of a study that is planned so.
        What another one has all runs of, and more, is left out, unless it is planned
        so: arms with twice the epochs make no study of twice as long runs.
    """
    final = run_table.final_epochs(runs)
    final = final[["run", "model", *RESULTS, *SETTINGS]]
    keys = final.drop_duplicates("run").set_index("run")[_WHAT_IS_COMPUTED]
    errors = _errors(final)
    by_settings = {
        key(columns): _Run(run, errors[run])
        for run, columns in keys.to_dict("index").items()
    }
    seeds = sorted(map(int, final["seed"].unique()))
    found = [
        finding
        for name, study in studies.STUDIES.items()
        for base in _common_settings(final, study)
        if (finding := _finding(name, study, base, by_settings, seeds, records))
    ]
    return [
        finding
        for finding in found
        if (finding.is_own or not any(finding.runs < other.runs for other in found))
        and not _is_borrowed(finding, found)
    ]


def _common_settings(final, study):
    """The settings in common that a study may have been run with, as dicts."""
    free = [name for name in FREE if name not in study.varied]
    return final[free].drop_duplicates().to_dict("records")


def _finding(name, study, base, by_settings, seeds, records):
    """A study with some settings in common, or None where they have nothing to say."""
    try:
        tried = _tried(study, base, by_settings, seeds)
    except ConfigError:
        return None  # nobody can run it with these settings
    groups = [runs for candidates in tried.values() for runs in candidates.values()]
    there = frozenset(itertools.chain.from_iterable(groups))
    if not there or not _beyond_the_paper(there, base):
        return None
    choices = {
        arm: _candidate_errors(candidates, study.compared)
        for arm, candidates in tried.items()
        if len(candidates) > 1
    }
    counted = {arm: _counted(runs, choices.get(arm)) for arm, runs in tried.items()}
    models = (*study.compared, *study.counts_as)
    rows = [
        (arm, study.counts_as.get(model, model), config.seed, error)
        for arm, runs in counted.items()
        for config, run in runs.items()
        for model, error in run.compared(models, "test_error")
    ]
    table = pd.DataFrame(rows, columns=["arm", "model", "seed", "error"]).dropna()
    errors = table.set_index(["arm", "model", "seed"])["error"].sort_index()
    names = {
        arm: {config.seed: run.name for config, run in runs.items()}
        for arm, runs in counted.items()
        if runs
    }
    differences = families.differences(study, errors, names, records)
    if not differences:
        return None
    lacking = _lacking(study, plans.wanted_arms(name, study.base | base), tried)
    return Finding(
        name, study, base, errors, differences, lacking, choices, there, names
    )


def _lacking(study, wanted, tried):
    """What `Finding.lacking` holds."""
    counts = {
        arm: sum(max(0, len(study.seeds) - len(runs)) for runs in tried[arm].values())
        for arm in wanted
    }
    return {arm: count for arm, count in counts.items() if count}


def _tried(study, base, by_settings, seeds):
    """The runs there are: by arm, candidate and `ExperimentConfig`."""

    def there(config):
        columns = run_table.config_columns(config)
        runs = {seed: by_settings.get(key(columns | {"seed": seed})) for seed in seeds}
        return {
            dataclasses.replace(config, seed=seed): run
            for seed, run in runs.items()
            if run is not None
        }

    return {
        arm: {candidate: there(config) for candidate, (config,) in candidates.items()}
        for arm, candidates in study.configs(seeds[:1], **base).items()
    }


def _beyond_the_paper(configs, base):
    """Those that are not of the paper's own grid, with one of its reduction layers."""
    usual = {c: dataclasses.replace(c, seed=ExperimentConfig.seed) for c in configs}

    def beyond(reduction):
        common = base | {"reduction": reduction}
        own = {ExperimentConfig(**common, method=m, alpha=a) for m, a in PAPER_SETTINGS}
        return {config for config in configs if usual[config] not in own}

    return min(map(beyond, resnet.REDUCTIONS), key=len)


def _is_borrowed(finding, found):
    """Whether the data set is not the study's, and others have what it has.

    Others that are larger, or have the settings that their study is planned with.
    """
    if finding.base["dataset"] == finding.study.base["dataset"]:
        return False
    count = len(finding.runs)
    others = [other.runs for other in found if other.is_own or len(other.runs) > count]
    return _beyond_the_paper(finding.runs, finding.base) <= frozenset().union(*others)


def _candidate_errors(tried, compared):
    """Mean errors (%) of each candidate over the seeds that all of them have.

    Args:
        tried: dict from candidate to a dict from `ExperimentConfig` to its run.
        compared: the models that count.

    Returns:
        A DataFrame by candidate with columns RESULTS; empty where no seed is common, or
        nothing was set aside.
    """
    seeds = [{config.seed for config in runs} for runs in tried.values()]
    common = set.intersection(*seeds)
    rows = [
        {"candidate": candidate} | {name: run.errors[model][name] for name in RESULTS}
        for candidate, runs in tried.items()
        for config, run in runs.items()
        if config.seed in common
        for model in compared
        if model in run.errors
    ]
    table = pd.DataFrame(rows, columns=["candidate", *RESULTS])
    table = table.dropna(subset=[run_table.CHOSEN_BY])
    return table.groupby("candidate", sort=False).mean()


def _counted(tried, errors):
    """The runs of the chosen candidate, by config; none where nothing can be chosen."""
    if errors is None:
        (runs,) = tried.values()
        return runs
    return tried.get(best(errors), {})


def best(errors, chosen_by=run_table.CHOSEN_BY):
    """The candidate of the least error, in words; "" where nothing can be chosen."""
    known = errors[chosen_by].dropna()
    return known.idxmin() if len(known) else ""


def key(columns):
    """What says that two experiments are the same."""
    return tuple(str(columns[name]) for name in _WHAT_IS_COMPUTED)


def _errors(final):
    """Errors in % by run, preset or "ensemble", and column of `RESULTS`, as dicts.

    Of several members of a preset, their mean.
    """
    kinds = final["model"].map(network_of)
    errors = run_table.percent(final[list(RESULTS)])
    means = errors.groupby([final["run"], kinds]).mean()
    found = {}
    for (run, kind), columns in means.to_dict("index").items():
        found.setdefault(run, {})[kind] = columns
    return found
