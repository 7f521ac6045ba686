import math

import numpy as np
import pytest
from conftest import recorded_answers

from collaborative.report import image_answers
from collaborative.report.image_answers import ImageAnswers
from collaborative.report.records import UNKNOWN


def recorded(images, given, labels=None, cost=1.0):
    record = recorded_answers(images, {"ST": given}, cost)
    if labels is not None:
        record["labels"] = labels
    return ImageAnswers.recorded(record, "ST")


def answers(given, labels=None):
    """From a dict: by the key of an image the class it was given."""
    return recorded(list(given), list(given.values()), labels)


def test_the_last_of_equal_images_counts():
    table = recorded([4, 8, 4], [0, 1, 2], [0, 1, 3]).table
    assert table.loc[4].to_dict() == {"given": 2, "label": 3} and len(table) == 2


def test_networks_are_told_apart_by_images_answers_and_cost():
    one = recorded([1, 2], [0, 1])
    assert one.is_of_network(recorded([2, 1], [1, 0]))  # in another order
    assert not one.is_of_network(recorded([1, 2], [0, 2]))
    assert not one.is_of_network(recorded([1, 3], [0, 1]))
    assert not one.is_of_network(recorded([1, 2], [0, 1], cost=1.1))


def test_churn_counts_common_images():
    one = answers({1: 0, 2: 1, 3: 2})
    assert image_answers.churn(one, answers({3: 0, 2: 1, 4: 0})) == 0.5
    in_another_order = answers({3: 2, 1: 0, 2: 1})
    assert image_answers.churn(one, in_another_order) == 0
    assert math.isnan(image_answers.churn(one, answers({4: 0})))


def test_images_that_neither_gets_right_leave_nothing_open():
    one = answers({1: 0, 2: 1, 3: 2, 4: 3})
    other = answers({1: 1, 2: 2, 3: 2, 4: 4})  # three answers differ
    width = image_answers.mcnemar_half_width(one, other)
    known = answers({1: 0, 2: 1, 3: 2, 4: 3}, [0, 5, 5, UNKNOWN])
    also_known = answers({1: 1, 2: 2, 3: 2, 4: 4}, [0, 5, 5, UNKNOWN])
    # Of the first image one is right, of the second none, the fourth's is unknown.
    narrower = image_answers.mcnemar_half_width(known, also_known)
    assert narrower == pytest.approx(width * (2 / 3) ** 0.5)


def test_the_interval_over_images_is_mcnemar_s():
    rng = np.random.default_rng(0)
    labels, n = rng.integers(10, size=2_000), 2_000
    a, b = (np.where(rng.random(n) < 0.2, rng.integers(10, size=n), labels)
            for _ in range(2))  # fmt: skip
    gaps = (a != labels).astype(float) - (b != labels)
    exact = 100 * 1.96 * gaps.std() / n**0.5

    def width(labels=None):
        one, other = (recorded(np.arange(n), given, labels) for given in (a, b))
        return image_answers.mcnemar_half_width(one, other)

    assert width(labels) == pytest.approx(exact, rel=1e-3)
    assert exact < width() < 1.3 * exact  # without labels the most it can be


def test_images_that_no_two_have_in_common():
    one, other = answers({1: 0}), answers({2: 0})
    assert math.isnan(image_answers.mcnemar_half_width(one, other))
