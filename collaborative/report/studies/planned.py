"""How far the plans are: which of their experiments are there, in one line each."""

from __future__ import annotations

import collections

from collaborative.experiments import plans
from collaborative.report.studies import findings
from collaborative.runs import run_table
from collaborative.system.words import counted


def lines(runs):
    """A line for each plan of which an experiment is there: how many, what is missing.

    Args:
        runs: rows of `run_table.load_runs`.
    """
    first = runs.drop_duplicates("run")
    there = {findings.key(row) for row in first.to_dict("records")}
    return [line for name in plans.PLANS if (line := _line(name, there))]


def _line(name, there):
    """What there is of a plan, and what is missing of which study; "" where nothing."""
    study_of = {}  # an experiment of several is that of the first, as a sweep has it
    for part in plans.PLANS[name]:
        for config in part.configs():
            study_of.setdefault(findings.key(run_table.config_columns(config)), part)
    found = there & study_of.keys()
    if not found:
        return ""
    missing = collections.Counter(
        part.study for key, part in study_of.items() if key not in found
    )
    line = f"Of {counted(len(study_of), 'experiment')} of the plan “{name}”, "
    if not missing:
        return f"{line}all are there"
    named = ", ".join(f"“{study}” {count}" for study, count in missing.items())
    return f"{line}{missing.total()} are missing, of {named}"
