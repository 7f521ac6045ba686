"""What is missing, runs in other settings, and files that were left out."""

from __future__ import annotations

from collaborative.experiments import reference
from collaborative.report import class_errors, tables
from collaborative.runs import run_table


def parts(context):
    """Lists of experiments and runs."""
    return {
        "missing": run_table.missing_experiments(context.runs),
        "others": context.table(_others(context)),
        "left_out": [*context.left_out, *context.absent],
        "label": reference.label,
        "dataset_label": reference.dataset_label,
    }


def _others(context):
    balanced = class_errors.balanced(context.records)
    return tables.other_runs_table(context.runs, balanced)
