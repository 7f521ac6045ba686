"""What is missing, and files that were left out."""

from __future__ import annotations

from collaborative.experiments import reference
from collaborative.runs import run_table


def parts(context):
    """Lists of experiments and files."""
    return {
        "missing": run_table.missing_experiments(context.runs),
        "left_out": [*context.left_out, *context.absent],
        "label": reference.label,
        "dataset_label": reference.dataset_label,
    }
