import pandas as pd
import pytest

from collaborative.experiments.reference import CHOSEN, SINGLE
from collaborative.report.claims import training
from collaborative.report.claims.evidence import Evidence


def curves(name, *values):
    return {name: pd.DataFrame([values], index=[1], columns=range(1, len(values) + 1))}


def test_roughness_of_a_line_and_of_a_zigzag():
    line = training.roughness(curves("test_error", *(0.1 * i for i in range(9))))
    assert line[1] == pytest.approx(0, abs=1e-9)
    zigzag = [0.5, 0.1, 0.9] + [0.01, 0.02] * 3  # the first third does not count
    rough = training.roughness(curves("test_error", *zigzag))
    assert rough[1] == pytest.approx(2.0)  # +-1 point up and down


def test_rise_of_the_cost():
    rise = training.cost_rise(curves("test_cost", 2.0, 0.5, 0.75))
    assert rise[1] == 1.5


def test_the_last_ten_epochs_in_percent():
    last = training.last_test_errors(curves("test_error", *[0.5] * 2, *[0.01] * 10))
    assert last.shape == (1, 10) and last.to_numpy().max() == pytest.approx(1)


@pytest.fixture(scope="module")
def evidence(paper):
    return Evidence(paper)


def test_numbers_of_the_author_s_runs(evidence):
    parts = training.regularizes(evidence)
    assert [part.holds for part in parts] == [True, True, False, False]
    assert parts[3].text == "CIFAR10 M, final test error: +0.09"  # 23.10 and 23.01
    parts = training.more_alike(evidence)
    assert [part.holds for part in parts] == [True, False, True]
    parts = training.better_ending(evidence)
    assert [part.text for part in parts][2:] == [
        "MNIST ST, final error: -0.21",
        "MNIST M, final error: -0.12",
        "MNIST ensemble, final error: -0.02",
    ]


def test_who_does_not_overfit_has_nothing_to_resist(evidence, paper):
    parts = training.resists_overfitting(evidence)
    assert parts[0].text.startswith("notMNIST M, end / minimum of the test cost")
    assert [part.holds for part in parts] == [True] * 4  # his ST ends at its least cost

    runs = paper
    falling = runs["epoch"].rdiv(1.0)
    parts = training.resists_overfitting(Evidence(runs.assign(test_cost=falling)))
    assert [part.holds for part in parts] == [None, True, True, True]
    assert parts[0].text == "no traditional model overfits"


def test_a_rise_at_one_of_several_seeds_brings_all_of_them_in(paper):
    runs = paper
    falling = runs.assign(seed=1, test_cost=runs["epoch"].rdiv(1.0))
    both = Evidence(pd.concat([runs, falling]))
    first, *_ = training.resists_overfitting(both)
    assert first.seeds == 2  # M rose by a quarter, and by none
    assert first.text.startswith("notMNIST M, end")


def test_missing_runs_leave_a_part_open(paper):
    runs = paper.query("method == 'L2'")
    evidence = Evidence(runs)
    for check in training.STATEMENTS:
        parts = check(evidence)
        assert {part.holds for part in parts} == {None}
        assert all("Single" in part.missing[0] for part in parts)


def test_what_never_varies_does_not_narrow_an_interval(evidence):
    """Costs that end at their least are 1 at every seed, whatever a seed is worth."""
    varied = {SINGLE: (1.1, 1.3, 1.2), CHOSEN: (1.0, 1.1, 1.05)}
    constant = {("L1", 1.0): (1.0,) * 3, ("L2", 1.0): (1.0,) * 3}
    alone, among = (
        evidence.chosen("mnist", pd.DataFrame(rows).T)
        for rows in (varied, varied | constant)
    )
    assert among == alone and among.difference.seeds == 3
