"""Sets of experiments: combinations of settings, and the paper's 39.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import itertools

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import (
    PAPER_ALPHAS,
    PAPER_DATASETS,
    PAPER_METHODS,
)
from collaborative.experiments.setting import ConfigError


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
