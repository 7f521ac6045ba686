"""The author's runs, which he printed and logged, as a table of runs."""

from __future__ import annotations

import pandas as pd

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import (
    PAPER_CURVES,
    PAPER_DATASETS,
    PAPER_NAMES,
    PAPER_TABLES,
)
from collaborative.runs import run_table


def load():
    """The author's runs, in the columns of `run_table.load_runs`.

    His training statistics are running means (Remark 5.1); they stand in the columns of
    the epochs' means too, which he did not keep. The ensemble is {ST, M} with the
    reduction of his code; the traditional ensemble's weight, which he lists as 1.0, is
    0 here.

    Returns:
        A DataFrame of 39 runs x 3 models x 15 or 30 epochs; errors are fractions.
    """
    keys = ["dataset", "method", "alpha", "model"]
    curves = _read(PAPER_CURVES)
    last = curves["epoch"] == curves.groupby(keys)["epoch"].transform("max")
    printed = curves[keys].merge(_read(PAPER_TABLES), validate="many_to_one")[last]
    curves.loc[last, "test_error"] = printed["test_error_percent"] / 100
    curves.loc[last, "test_cost"] = printed["test_cost"]
    for running in run_table.RUNNING:
        curves[running] = curves[running.removesuffix("_running")]
    found = []
    measured = ["model", "epoch", *run_table.MEASURED, *run_table.RUNNING]
    for (dataset, method, alpha), part in curves.groupby(
        ["dataset", "method", "alpha"]
    ):
        config = ExperimentConfig(
            dataset, ("ST", "M"), method, alpha, reduction="released"
        )
        columns = run_table.config_columns(config) | {
            "setting": "",
            "run": f"paper/{dataset}/{method}_{alpha}",
            "command": "(the author's code)",
            "versions": "TensorFlow 1.1",
            "revision": "",
            "device": "one K80",
            "seconds": float("nan"),
        }
        curves = {name: part[name].array for name in measured}
        found.append(run_table.Run(columns, curves))
    return run_table.table_of(found)


def _read(path):
    """A table of `paper/`, with our names of data sets and models."""
    table = pd.read_csv(path)
    names = {PAPER_NAMES[name]: name for name in PAPER_DATASETS}
    table["dataset"] = table["dataset"].map(names)
    table["model"] = table["model"].replace("Ens", "ensemble")
    table.loc[table["method"] == "Single", "alpha"] = 0.0
    return table
