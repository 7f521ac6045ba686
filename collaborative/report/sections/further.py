"""What is missing, and files that were left out."""

from __future__ import annotations

from collaborative.experiments import reference
from collaborative.runs import run_table


def parts(context):
    """Lists of experiments, where any run is on a set of the paper, and of files."""
    is_paper_s = context.has_paper_datasets
    missing = run_table.missing_experiments(context.runs) if is_paper_s else []
    return {
        "missing": missing,
        "left_out": [*context.left_out, *context.absent],
        "has_paper_datasets": is_paper_s,
        "label": reference.label,
        "dataset_label": reference.dataset_label,
    }
