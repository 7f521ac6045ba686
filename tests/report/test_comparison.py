import math

import numpy as np
import pandas as pd
import pytest
from conftest import recorded_answers

from collaborative.report import comparison
from collaborative.report.image_answers import ImageAnswers


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


def test_summary_has_means_and_intervals(paper):
    other = paper.assign(seed=1, test_error=paper["test_error"] + 0.01)
    summary = comparison.final_summary(pd.concat([paper, other]))
    row = summary.loc[("mnist", "L2", 0.01, "ST")]
    assert row["error"] == pytest.approx(0.56 + 0.5)
    assert row["error_half_width"] == pytest.approx(12.7062 * 0.5, rel=1e-4)
    assert row["seeds"] == 2


def test_networks_that_answer_alike_are_not_one_network():
    """Of a few easy images all may be right: by their costs they are told apart."""

    def recorded(cost):
        given = recorded_answers([1, 2, 3], {"ST": [0, 1, 1]}, cost)
        return [ImageAnswers.recorded(given | {"labels": [0, 1, 1]}, "ST")]

    values = pd.DataFrame(np.zeros((3, 1)), ["Single", "a", "b"], [1])
    costs = {"Single": 0.1, "a": 0.2, "b": 0.1}
    found = comparison.family(values, "Single", lambda s, seed: recorded(costs[s]))
    assert list(found) == ["a"]  # "b" is the control's network
    assert found["a"].below is None and found["a"].half_width > 0
