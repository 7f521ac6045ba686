"""What was trained: each run with its errors, settings, versions and command."""

from __future__ import annotations

import itertools

from collaborative.experiments import reference
from collaborative.report import class_errors, page_tables, tables
from collaborative.runs import run_table


def parts(context):
    """All runs; in `others`, as a table that is written, those in other settings."""
    _write(context)
    balanced = class_errors.balanced(context.records)
    others = tables.other_runs_table(context.runs, balanced)
    final = run_table.final_epochs(context.runs).sort_values("run", kind="stable")
    by_run = itertools.groupby(final.itertuples(index=False), lambda row: row.run)
    shown = [_shown(list(rows), balanced) for _, rows in by_run]
    shown.sort(key=lambda run: (reference.dataset_place(run["dataset"]), run["place"]))
    named = set()
    for run in shown:
        setting = run["dataset"], run["method"], run["alpha"]
        is_first = run["setting"] == "" and setting not in named
        run["first_of"] = page_tables.setting_anchor(*setting) if is_first else ""
        named |= {setting} if is_first else set()
    return {"runs": shown, "others": context.table(others)}


def _write(context):
    """runs.csv, a row an epoch; runs_origins.csv, a row a run with what made it."""
    origin = [name for name in run_table.ORIGIN if name != "run"]
    each = context.runs.drop_duplicates("run")[list(run_table.ORIGIN)]
    epochs = context.runs.drop(columns=origin)
    context.text("runs.csv", epochs.to_csv(index=False))
    context.text("runs_origins.csv", each.to_csv(index=False))


def _shown(rows, balanced):
    """A run for the page, from the rows of its last epoch, one a model."""
    last = rows[-1]
    texts = []
    for row in rows:
        text = tables.error_text(row, balanced)
        if row.validation:
            text += f" (validation {100 * row.validation_error:.2f})"
        texts.append(f"{row.model} {text}")
    error = 100 * last.test_error
    return last._asdict() | {
        "anchor": page_tables.run_anchor(last.run),
        "label": reference.label(last.method, last.alpha),
        "dataset_label": reference.dataset_label(last.dataset),
        "place": error if error == error else float("inf"),
        "error": "-" if error != error else f"{error:.2f}",
        "errors": ", ".join(texts if len(rows) > 1 or last.validation else ()),
    }
