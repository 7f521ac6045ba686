import pandas as pd
import pytest

from collaborative.report.claims.evidence import (
    Evidence,
    Found,
    conjunction,
    count_below,
    final_error,
)
from collaborative.report.comparison import Difference
from collaborative.runs import run_table

LOWER = Found(Difference(-1.0, float("nan"), float("nan"), 1))
HIGHER = Found(Difference(1.0, float("nan"), float("nan"), 1))
UNSURE = Found(Difference(-1.0, 2.0, 0.3, 3))
ABSENT = Found(None, ("MNIST CE 1.0",))


def test_conjunction_of_three_values():
    assert conjunction([True, True]) is True
    assert conjunction([True, None]) is None
    assert conjunction([None, False]) is False


@pytest.mark.parametrize(
    "found, wanted, holds",
    [
        ([LOWER, LOWER, HIGHER], {"at_least": 2}, True),
        ([LOWER, HIGHER, HIGHER], {"at_least": 2}, False),
        ([LOWER, UNSURE, HIGHER], {"at_least": 2}, None),
        ([LOWER, ABSENT, HIGHER], {"at_least": 2}, None),
        ([LOWER, LOWER, ABSENT], {"at_least": 2}, True),
        ([LOWER, HIGHER], {"more_than": 0.5}, False),
        ([LOWER, LOWER, HIGHER], {"more_than": 0.5}, True),
        ([LOWER, LOWER, HIGHER], {"at_least": 1.5}, True),
        ([LOWER, HIGHER, HIGHER], {"at_least": 1.5}, False),
    ],
)
def test_counting(found, wanted, holds):
    part = count_below("text", found, **wanted)
    assert part.holds is holds
    assert bool(part.missing) is (holds is None)


def test_parts_say_what_they_rest_on():
    part = count_below("text", [LOWER, UNSURE, ABSENT], at_least=3)
    assert part.text == "text: 1 of 3 lower, 3 wanted, 2 open"
    assert part.missing == ("more seeds (an interval includes zero)", "MNIST CE 1.0")
    assert part.seeds == 1


def test_only_the_paper_s_setting_counts():
    paper = run_table.paper_runs()
    evidence = Evidence(paper.assign(setting="epochs 2"))
    assert evidence.compare("mnist", ("CE", 1.0), "ST").difference is None
    evidence = Evidence(paper)
    assert evidence.datasets == ("mnist", "notmnist", "cifar10")
    found = evidence.compare("mnist", ("CE", 1.0), "ST")
    assert found.difference.mean == pytest.approx(0.72 - 0.77)
    assert evidence.lacking("mnist", ("CE", 1.0), ("CE", 0.5)) == ("MNIST CE 0.5",)


def test_the_small_archive_stands_in_only_where_the_large_is_missing():
    paper = run_table.paper_runs()
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    assert Evidence(pd.concat([paper, small])).datasets[1] == "notmnist"
    evidence = Evidence(small)
    assert evidence.datasets[1] == "notmnist_small"
    assert evidence.name("notmnist_small") == "notMNIST (small archive)"


def test_closeness_of_the_best():
    paper = run_table.paper_runs()
    part = Evidence(paper).best_is_close("cifar10", "ST", "M", 0.10)
    assert part.holds is True
    assert "23.39 (L2 0.1) and 23.01; L2 0.01 has 23.43" in part.text
    assert Evidence(paper).best_is_close("cifar10", "ST", "M", 0.01).holds is False
    fewer = paper[paper["alpha"] != 1.0]
    part = Evidence(fewer).best_is_close("cifar10", "ST", "M", 0.01)
    assert part.holds is None and "CIFAR10 CE 1.0" in part.missing
    alone = paper[paper["method"] != "Single"]
    part = Evidence(alone).best_is_close("cifar10", "ST", "M", 0.10)
    assert part.holds is None and part.missing == ("CIFAR10 Single",)


def test_rank_correlation_of_weight_and_error():
    paper = run_table.paper_runs()
    part = Evidence(paper).weight_correlation("mnist", "CE")
    assert part.holds is False and "-0.20" in part.text
    assert Evidence(paper).weight_correlation("cifar10", "L2").holds is True
    fewer = paper[paper["alpha"] != 0.1]
    part = Evidence(fewer).weight_correlation("mnist", "CE")
    assert part.holds is None and part.missing == ("MNIST CE 0.1",)


def test_final_error_by_seed():
    frame = pd.DataFrame([[0.5, 0.0123], [0.5, 0.02]], index=[1, 2])
    assert final_error({"test_error": frame}).to_dict() == {1: 1.23, 2: 2.0}
