"""Sets of experiments: combinations of settings, and the paper's 39 with their results.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import csv
import itertools
import pathlib

import datasets
from experiment_checks import ConfigError
from experiments import ExperimentConfig

# The paper's grid (section 5.2), in the order of its tables and figures.
PAPER_DATASETS = ("mnist", "notmnist", "cifar10")
PAPER_METHODS = ("CE", "L1", "L2")
PAPER_ALPHAS = (1.0, 0.1, 0.01, 0.0001)
PAPER_TABLES = pathlib.Path(__file__).parent / "paper" / "tables.csv"


def combinations(datasets, methods, alphas, seeds, **settings):
    """The experiments of all combinations of the values, each once.

    Args:
        datasets, methods, alphas, seeds: lists of values of `ExperimentConfig`.
        **settings: what they have in common.

    Raises:
        ConfigError: for a value that cannot be, or an empty list.
    """
    lists = {"dataset": datasets, "method": methods, "alpha": alphas, "seed": seeds}
    for name, values in lists.items():
        if not values:
            raise ConfigError(f"{name} must name at least one value, got none")
    configs = (
        ExperimentConfig(**dict(zip(lists, values, strict=True)), **settings)
        for values in itertools.product(*lists.values())
    )
    return list(dict.fromkeys(configs))


def paper_grid(datasets=None, seeds=(912,), **settings):
    """The paper's experiments: the traditional ensemble and each method and weight.

    Args:
        datasets: names; None: the paper's three.
        seeds: each experiment is repeated with each.
        **settings: further ones of `ExperimentConfig`, the same for all.

    Returns:
        List of `ExperimentConfig`s, 13 for each dataset and seed.
    """
    datasets = datasets or PAPER_DATASETS
    methods = ("Single", *PAPER_METHODS)
    return combinations(datasets, methods, PAPER_ALPHAS, seeds, **settings)


def paper_results(config):
    """The paper's final test results for an experiment, where it has them.

    Args:
        config: an `ExperimentConfig`.

    Returns:
        Dict from "ST", "M" and "ensemble" to (test error in %, test cost), from the
        paper's Figures A.7 to A.12; empty where the paper has no such experiment.
    """
    known = datasets.DATASETS.get(config.dataset)
    if known is None or known.paper_name is None or config.members != ("ST", "M"):
        return {}
    # The paper lists the traditional ensemble with a weight of 1.0 that it ignores.
    alpha = 1.0 if config.method == "Single" else config.alpha
    with open(PAPER_TABLES, newline="", encoding="utf-8") as file:
        return {
            row["model"].replace("Ens", "ensemble"): (
                float(row["test_error_percent"]),
                float(row["test_cost"]),
            )
            for row in csv.DictReader(file)
            if (row["dataset"], row["method"]) == (known.paper_name, config.method)
            and float(row["alpha"]) == alpha
        }
