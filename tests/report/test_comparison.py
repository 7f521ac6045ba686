import math

import numpy as np
import pandas as pd
import pytest

from collaborative.report import comparison, records


def test_half_width_of_a_known_sample():
    # Student's quantile for 2 degrees of freedom is 4.302653; s = 1, n = 3.
    assert comparison.half_width([1, 2, 3]) == pytest.approx(4.302653 / math.sqrt(3))
    assert math.isnan(comparison.half_width([1.0]))


def test_usually_is_judged_with_seeds_as_clusters():
    better = pd.DataFrame(-np.ones((24, 3)))
    found = comparison.usually(better)
    assert found.mean == -0.5 and found.below is True and found.seeds == 3
    # No spread over seeds: that of 24 independent comparisons of equals counts.
    width = 4.302653 * 0.5 / math.sqrt(24) / math.sqrt(3)
    assert found.half_width == pytest.approx(width)
    assert comparison.usually(better[:2]).below is None  # two may agree by chance
    assert comparison.usually(-better).below is False
    mixed = better.copy()
    mixed.iloc[:12] *= -1
    assert comparison.usually(mixed).mean == 0
    assert comparison.usually(0 * better).mean == 0  # ties count half
    one = comparison.usually(better[[0]])
    assert one.below is True and math.isnan(one.half_width)
    assert comparison.usually(better[[]]) is None


def test_rank_correlation():
    a = pd.Series([1.0, 2.0, 3.0, 4.0])
    rho, _, count = comparison.rank_correlation(a, pd.Series([3.0, 2.0, 1.0, 4.0]))
    assert (rho, count) == (pytest.approx(0.2), 4)  # 1 - 6 * 8 / (4 * 15)
    rho, p, _ = comparison.rank_correlation(a[:3], -a[:3])
    assert (rho, p) == (pytest.approx(-1), pytest.approx(2 / 6))  # of 3! pairings
    assert math.isnan(comparison.rank_correlation(a, 0 * a)[0])
    assert math.isnan(comparison.rank_correlation(a, a[:2])[0])
    gone = pd.Series([1.0, 2.0, 3.0, math.nan])  # a cost that diverged
    assert comparison.rank_correlation(a, gone) == comparison.rank_correlation(a[:3], a)


def test_summary_has_means_and_intervals(paper):
    other = paper.assign(seed=1, test_error=paper["test_error"] + 0.01)
    summary = comparison.final_summary(pd.concat([paper, other]))
    row = summary.loc[("mnist", "L2", 0.01, "ST")]
    assert row["error"] == pytest.approx(0.56 + 0.5)
    assert row["error_half_width"] == pytest.approx(12.7062 * 0.5, rel=1e-4)
    assert row["seeds"] == 2


def test_correlation_with_the_paper_s_grid(paper):
    rows = comparison.grid_correlations(paper, paper)
    assert len(rows) == 3 * 3 * 2
    assert all(row["rho"] == pytest.approx(1) for row in rows)
    assert all(row["settings"] == 13 for row in rows)
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    reversed_errors = small.assign(test_error=1 - small["test_error"])
    (row, *_) = comparison.grid_correlations(reversed_errors, paper)
    np.testing.assert_allclose(row["rho"], -1)
    assert comparison.grid_correlations(paper.assign(dataset="digits"), paper) == []


def answers(given, labels=None):
    """By the key of an image the class it was given, and its label if it is known."""
    record = {"images": list(given), "answers": {"ST": list(given.values())}}
    return records.answers(record | ({"labels": labels} if labels else {}), "ST")


def test_churn_counts_common_images():
    one = answers({1: 0, 2: 1, 3: 2})
    assert comparison.churn(one, answers({3: 0, 2: 1, 4: 0})) == 0.5
    assert comparison.churn(one, one.loc[[3, 1, 2]]) == 0  # in another order
    assert math.isnan(comparison.churn(one, answers({4: 0})))


def test_images_that_neither_gets_right_leave_nothing_open():
    one = answers({1: 0, 2: 1, 3: 2, 4: 3})
    other = answers({1: 1, 2: 2, 3: 2, 4: 4})  # three answers differ
    width = comparison.images_half_width(one, other)
    known = answers({1: 0, 2: 1, 3: 2, 4: 3}, [0, 5, 5, records.UNKNOWN])
    also_known = answers({1: 1, 2: 2, 3: 2, 4: 4}, [0, 5, 5, records.UNKNOWN])
    # Of the first image one is right, of the second none, the fourth's is unknown.
    narrower = comparison.images_half_width(known, also_known)
    assert narrower == pytest.approx(width * (2 / 3) ** 0.5)


def test_networks_that_answer_alike_are_not_one_network():
    """Of a few easy images all may be right: by their costs they are told apart."""
    given = {"images": [1, 2, 3], "answers": {"ST": [0, 1, 1]}, "labels": [0, 1, 1]}

    def recorded(nll):
        return [records.answers(given | {"models": {"ST": {"nll": nll}}}, "ST")]

    values = pd.DataFrame(np.zeros((3, 1)), ["Single", "a", "b"], [1])
    costs = {"Single": 0.1, "a": 0.2, "b": 0.1}
    found = comparison.family(values, "Single", lambda s, seed: recorded(costs[s]))
    assert list(found) == ["a"]  # "b" is the control's network
    assert found["a"].below is None and found["a"].half_width > 0
