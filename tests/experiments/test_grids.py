import pytest

from collaborative.experiments import grids, reference
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError


def test_numbers_of_the_paper():
    """Figures A.11 and A.12 for L2 0.01, A.7 and A.8 for the traditional ensemble."""
    assert reference.paper_results(ExperimentConfig("cifar10")) == {
        "ST": (23.43, 0.706045),
        "M": (23.1, 0.766554),
        "ensemble": (20.32, 0.595218),
    }
    single = reference.paper_results(ExperimentConfig("mnist", method="Single"))
    assert single["ensemble"] == (0.52, 0.0286906)


@pytest.mark.parametrize(
    "settings",
    [
        {"dataset": "digits"},
        {"dataset": "notmnist_small"},
        {"dataset": "fashion_mnist"},
        {"dataset": "mnist", "alpha": 0.3},
        {"dataset": "mnist", "members": ("M", "ST")},
    ],
)
def test_no_numbers_where_the_paper_has_none(settings):
    assert reference.paper_results(ExperimentConfig(**settings)) == {}


def test_every_experiment_of_the_paper_has_its_numbers():
    with open(reference.PAPER_TABLES, encoding="utf-8") as file:
        rows = [line.split(",") for line in file.read().splitlines()[1:]]
    for dataset, method, alpha in {tuple(row[:3]) for row in rows}:
        name = dataset.lower()
        config = ExperimentConfig(name, method=method, alpha=float(alpha))
        assert len(reference.paper_results(config)) == 3
    assert len(rows) == 117


def test_the_grid_of_the_paper():
    with open(reference.PAPER_TABLES, encoding="utf-8") as file:
        rows = [line.split(",")[:3] for line in file.read().splitlines()[1:]]
    paper = {(d.lower(), m, 0.0 if m == "Single" else float(a)) for d, m, a in rows}
    grid = grids.paper_grid()
    assert len(grid) == 39
    assert {(c.dataset, c.method, c.alpha) for c in grid} == paper
    again = grids.paper_grid(["cifar10"], (1, 2), epochs=3)
    assert len(again) == len(set(again)) == 26
    assert {c.epochs for c in again} == {3} and {c.seed for c in again} == {1, 2}


def test_an_empty_list_is_refused():
    with pytest.raises(ConfigError, match="alpha must name at least one value"):
        grids.combinations(["digits"], ["L2"], [], [1])
