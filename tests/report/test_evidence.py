import math

import numpy as np
import pandas as pd
import pytest
from conftest import recorded_answers
from scipy import stats

from collaborative.experiments.reference import MODELS, SINGLE
from collaborative.report.claims.evidence import (
    COLLABORATIVE,
    Evidence,
    final_error,
)
from collaborative.report.claims.parts import Found, conjunction, count_below
from collaborative.report.layout import Difference

LOWER = Found(Difference(-1.0, float("nan"), float("nan"), 1))
HIGHER = Found(Difference(1.0, float("nan"), float("nan"), 1))
UNSURE = Found(Difference(-1.0, 2.0, 0.3, 3))
ABSENT = Found(None, ("MNIST CE 1.0",))


def test_conjunction_of_three_values():
    assert conjunction([True, True]) is True
    assert conjunction([True, None]) is None
    assert conjunction([None, False]) is False


@pytest.mark.parametrize(
    "found, holds",
    [
        ([LOWER, LOWER, HIGHER], True),
        ([LOWER, HIGHER, HIGHER], False),
        ([LOWER, UNSURE, HIGHER], None),
        ([LOWER, ABSENT, HIGHER], None),
        ([LOWER, LOWER, ABSENT], True),
    ],
)
def test_counting(found, holds):
    part = count_below("text", found, 2, "mnist")
    assert part.holds is holds and part.dataset == "mnist"
    assert bool(part.missing) is (holds is None)


def test_parts_say_what_they_rest_on():
    part = count_below("text", [LOWER, UNSURE, ABSENT], 3, "mnist")
    assert part.text == "text: 1 of 3 lower, 3 wanted, 2 open"
    assert part.missing == ("more seeds (an interval includes zero)", "MNIST CE 1.0")
    assert part.seeds == 1


def test_only_the_paper_s_setting_counts(paper):
    evidence = Evidence(paper.assign(setting="epochs 2"))
    assert evidence.family("mnist", "ST")[0].difference is None
    evidence = Evidence(paper)
    assert evidence.datasets == ("mnist", "notmnist", "cifar10")
    found = evidence.family("mnist", "ST")[COLLABORATIVE.index(("CE", 1.0))]
    assert found.difference.mean == pytest.approx(0.72 - 0.77)
    assert evidence.lacking("mnist", ("CE", 1.0), ("CE", 0.5)) == ("MNIST CE 0.5",)


def test_the_small_archive_stands_in_only_where_the_large_is_missing(paper):
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    assert Evidence(pd.concat([paper, small])).datasets[1] == "notmnist"
    evidence = Evidence(small)
    assert evidence.datasets[1] == "notmnist_small"
    assert evidence.name("notmnist_small") == "notMNIST (small archive)"


def test_closeness_of_the_best(paper):
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


def test_rank_correlation_of_weight_and_error(paper):
    entropy, *_ = Evidence(paper).weight_correlations("mnist")
    assert entropy.holds is False and "-0.20" in entropy.text
    _, second, third = Evidence(paper).weight_correlations("cifar10")
    assert "L2" in (second.text + third.text) and second.holds and third.holds
    fewer = paper[(paper["alpha"] != 0.1) | (paper["method"] != "CE")]
    entropy, other, _ = Evidence(fewer).weight_correlations("mnist")
    assert entropy.holds is None and entropy.missing == ("MNIST CE 0.1",)
    assert other.holds is not None


def test_one_seed_is_as_sure_as_its_images(paper):
    images = np.array([f"i{n}" for n in range(1000)])
    same = ("Single", "CE_0.1", "L2_0.1", "L2_0.01")  # as Single, with other errors
    recorded = {}
    for place, run in enumerate(paper["run"].unique()):
        changed = slice(40) if "CE_1.0" in run else slice(place + 100, place + 101)
        answers = {model: np.zeros(1000, int) for model in MODELS}
        if not any(name in run for name in same):
            answers["ST"][changed] = 1
        recorded[run] = recorded_answers(images, answers)
    entropy, other, *_ = Evidence(paper, records=recorded).family("mnist", "ST")
    # 40 of 1,000 answers differ; one of twelve comparisons (Bonferroni).
    width = 100 * stats.norm.ppf(1 - 0.05 / 24) * math.sqrt(0.04 / 1000)
    assert entropy.difference.half_width == pytest.approx(width)
    assert entropy.below is None  # 0.05 points fewer
    # The same answers: as if one of the images differed.
    width = 100 * stats.norm.ppf(1 - 0.05 / 24) / 1000
    assert other.difference.half_width == pytest.approx(width)
    assert Evidence(paper).family("mnist", "ST")[0].below is True
    close = Evidence(paper, records=recorded).best_is_close("mnist", "ST", "M", 0.1)
    assert "0.54 (L2 0.1) and 0.62" in close.text and close.holds is None


def test_one_seed_s_best_is_as_sure_as_its_images(paper):
    images = np.arange(1000)
    given = {"ST": np.ones(1000, int), "M": np.zeros(1000, int)}
    given["ensemble"] = given["M"]
    recorded = {run: recorded_answers(images, given) for run in paper["run"].unique()}
    close = Evidence(paper, records=recorded).best_is_close("mnist", "ST", "M", 0.1)
    assert close.holds is None and "an interval includes zero" in close.missing[0]


def test_usually_is_one_test_over_settings_and_members(paper):
    pairs = [(setting, SINGLE) for setting in COLLABORATIVE]
    part = Evidence(paper).usually("usually", "mnist", pairs)
    # By hand from the paper's Figure A.7: 4 of 24 are not below.
    assert part.holds is True and part.seeds == 1
    fewer = paper[(paper["method"] != "CE") | (paper["alpha"] != 0.1)]
    part = Evidence(fewer).usually("usually", "mnist", pairs)
    assert part.holds is None and part.missing == ("MNIST CE 0.1",)


def test_final_error_by_seed():
    frame = pd.DataFrame([[0.5, 0.0123], [0.5, 0.02]], index=[1, 2])
    assert final_error({"test_error": frame}).to_dict() == {1: 1.23, 2: 2.0}
