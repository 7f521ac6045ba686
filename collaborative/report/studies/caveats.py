"""What to know of studies and plans beside their numbers, in one line each.

Which experiments are not there, and which pairs were made on two machines.
"""

from __future__ import annotations

import collections

from collaborative.experiments import plans
from collaborative.report import origins
from collaborative.report.studies import findings
from collaborative.runs import run_table
from collaborative.system.words import counted

LISTED = 4  # arms that a line names


def of_plans(runs):
    """A line for each plan of which an experiment is there: how many, what is missing.

    Args:
        runs: rows of `run_table.load_runs`.
    """
    first = runs.drop_duplicates("run")
    there = {findings.key(row) for row in first.to_dict("records")}
    return [line for name in plans.PLANS if (line := _of_plan(name, there))]


def _of_plan(name, there):
    """What there is of a plan, and what is missing of which study; "" where nothing."""
    study_of = {}  # an experiment of several is that of the first, as a sweep has it
    for part in plans.PLANS[name]:
        for config in part.configs():
            key = findings.key(run_table.config_columns(config))
            study_of.setdefault(key, part.study)
    if there.isdisjoint(study_of):
        return ""
    missing = collections.Counter(
        study for key, study in study_of.items() if key not in there
    )
    line = f"Of {counted(len(study_of), 'experiment')} of the plan “{name}”, "
    if not missing:
        return f"{line}all are there"
    number = missing.total()
    return f"{line}{number} {_are(number)} missing, of {_named(missing)}"


def missing(finding):
    """Which experiments are not there, as one line; "" where none is missing."""
    if not finding.missing:
        return ""
    number = counted(finding.missing, "experiment")
    return f"{number} {_are(finding.missing)} missing, of {_by_arm(finding.lacking)}"


def made_apart(finding, runs):
    """How many pairs are of two machines or two precisions, as one line; "" if none is.

    Args:
        finding: of a study.
        runs: rows of `run_table.load_runs`.
    """
    made = runs.drop_duplicates("run").set_index("run")[origins.BY]
    made = dict(zip(made.index, made.itertuples(index=False), strict=True))
    counts = {}
    for arm, control in finding.study.comparisons():
        ours, theirs = (finding.names.get(name, {}) for name in (arm, control))
        seeds = ours.keys() & theirs.keys()
        counts[arm] = sum(made[ours[seed]] != made[theirs[seed]] for seed in seeds)
    counts = {arm: count for arm, count in counts.items() if count}
    if not counts:
        return ""
    number = counted(sum(counts.values()), "pair")
    return f"Made on two machines or in two precisions: {number}, of {_by_arm(counts)}"


def _by_arm(counts):
    """Numbers by arm, in words, of the first few arms."""
    further = len(counts) - LISTED
    text = _named(dict(list(counts.items())[:LISTED]))
    return text + f" and of {counted(further, 'other arm')}" * (further > 0)


def _named(counts):
    return ", ".join(f"“{name}” {count}" for name, count in counts.items())


def _are(number):
    return "is" if number == 1 else "are"
