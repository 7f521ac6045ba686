"""All runs: settings, versions, commands."""

from __future__ import annotations


def parts(context):
    """The first row of each run."""
    first = context.runs.drop_duplicates("run").sort_values(["dataset", "run"])
    context.text("runs.csv", context.runs.to_csv(index=False))
    return {"runs": first.to_dict("records")}
