"""The paper's experiments: names, order and numbers of what its tables hold.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import csv

from collaborative import datasets
from collaborative.system import resources

# The paper's grid (section 5.2), in the order of its tables and figures.
PAPER_DATASETS = tuple(
    sorted(
        (name for name, spec in datasets.DATASETS.items() if spec.place),
        key=lambda name: datasets.DATASETS[name].place,
    )
)
PAPER_METHODS = ("CE", "L1", "L2")
PAPER_ALPHAS = (1.0, 0.1, 0.01, 0.0001)
PAPER_TABLES = resources.find("paper/tables.csv")
PAPER_CURVES = resources.find("paper/released_curves.csv")
SINGLE = ("Single", 0.0)  # the traditional ensemble
CHOSEN = ("L2", 0.01)  # which the paper looks at more closely
PAPER_SETTINGS = (*((m, a) for m in PAPER_METHODS for a in PAPER_ALPHAS), SINGLE)
MODELS = ("ST", "M", "ensemble")
# Data sets that stand beside numbers of the paper, by the paper's name for them. The
# small archive of notMNIST is another training set than the paper's.
PAPER_NAMES = {
    name: datasets.spec(spec.stands_for or name).paper_name
    for name, spec in datasets.DATASETS.items()
    if spec.paper_name or spec.stands_for
}


def label(method, alpha):
    """A setting as tables and figures call it: "L2 0.01", or "Single"."""
    return method if method == "Single" else f"{method} {alpha}"


def dataset_label(dataset):
    """A data set's name for a heading: the paper's where it has one."""
    return datasets.spec(dataset).label or PAPER_NAMES.get(dataset, dataset)


def dataset_place(dataset):
    """A key to sort data sets by: the paper's in its order, others after them."""
    paper = paper_dataset(dataset)
    place = PAPER_DATASETS.index(paper) if paper else len(PAPER_DATASETS)
    return place, dataset


def in_order(settings):
    """Pairs (method, alpha) in the order of the paper's tables, others after them."""
    known = {setting: place for place, setting in enumerate(PAPER_SETTINGS)}
    return sorted(
        set(settings), key=lambda s: (s[0] == "Single", known.get(s, len(known)), s)
    )


def paper_dataset(dataset):
    """Our name of the paper's data set that `dataset` stands beside, or None."""
    known = datasets.spec(dataset)
    return dataset if known.paper_name else known.stands_for


def substitutes(dataset):
    """Names of the sets that can stand in for one of the paper."""
    return [
        name for name, spec in datasets.DATASETS.items() if spec.stands_for == dataset
    ]


def figure_number(dataset, letter, *offset):
    """The number of a paper's figure on a data set, "" where the paper has none.

    Args:
        dataset: our name of it.
        letter: "3", "A" or "B": section 3 and appendices A and B.
        *offset: in A, (number of MNIST's first figure, place among a data set's two).
    """
    place = datasets.spec(dataset).place
    if place is None:
        return ""
    first, second = offset or (1, 0)
    return f"{letter}.{first + (2 if offset else 1) * (place - 1) + second}"


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
