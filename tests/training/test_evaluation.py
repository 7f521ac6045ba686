import math

import numpy as np
import pytest

from collaborative.training import evaluation


def log(*probabilities):
    """Logits whose softmax is these probabilities."""
    return np.log(np.array(probabilities))


PROBABILITIES = ((0.9, 0.1), (0.6, 0.4), (0.2, 0.8))
LABELS = np.array([0, 1, 1])


def test_scores_by_hand():
    scores = evaluation.scores(log(*PROBABILITIES) + 7, LABELS)
    assert scores["error"] == pytest.approx(1 / 3)
    wanted = -(math.log(0.9) + math.log(0.4) + math.log(0.8)) / 3
    assert scores["nll"] == pytest.approx(wanted)
    assert scores["brier"] == pytest.approx((0.02 + 0.72 + 0.08) / 3)
    # Three bins of one image each: |0.9 - 1|, |0.6 - 0|, |0.8 - 1|.
    assert scores["ece"] == pytest.approx((0.1 + 0.6 + 0.2) / 3)
    assert scores["confusion"].tolist() == [[1, 0], [1, 1]]


def test_scores_of_certain_and_wrong_answers_are_finite():
    scores = evaluation.scores(np.array([[900.0, -900.0]]), np.array([1]))
    assert scores["nll"] == pytest.approx(1800)
    assert scores["brier"] == pytest.approx(2)
    assert scores["ece"] == pytest.approx(1)


def test_reliability_bins():
    probabilities = np.array([[1 / 15, 14 / 15], [0.0, 1.0], [0.03, 0.97]])
    bins = evaluation.reliability(probabilities, np.array([1, 1, 0]))
    assert bins.shape == (evaluation.BINS, 3)
    assert bins[:, 0].tolist() == [0] * 13 + [1, 2]
    assert bins[13].tolist() == [1, 14 / 15, 1]
    assert bins[14] == pytest.approx([2, 0.985, 0.5])
    assert evaluation.calibration_error(bins) == pytest.approx((1 / 15 + 2 * 0.485) / 3)


def test_members_beside_the_ensemble():
    logits = {
        "a": log((0.9, 0.1), (0.9, 0.1), (0.9, 0.1), (0.1, 0.9)),
        "b": log((0.1, 0.9), (0.9, 0.1), (0.9, 0.1), (0.9, 0.1)),
        "ensemble": log((0.9, 0.1), (0.9, 0.1), (0.9, 0.1), (0.9, 0.1)),
    }
    found = evaluation.evaluate(logits, np.zeros(4, int))
    assert found["disagreement"] == 0.5
    assert found["gain"] == 0.25
    assert set(found["models"]) == set(logits)
    alone = evaluation.evaluate({"a": logits["a"]}, np.zeros(4, int))
    assert math.isnan(alone["disagreement"]) and math.isnan(alone["gain"])


def test_images_are_known_again():
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), np.uint8)
    keys = evaluation.image_keys(images)
    assert len(set(keys.tolist())) == 50
    np.testing.assert_array_equal(evaluation.image_keys(images[::-1]), keys[::-1])


def test_detection():
    known, foreign = log((0.9, 0.1), (0.3, 0.7)), log((0.6, 0.4), (0.2, 0.8))
    # Of four pairs, 0.9 is above both and 0.7 above one.
    assert evaluation.detection_auroc(known, foreign) == 0.75
    assert evaluation.detection_auroc(known, known) == 0.5


def test_errors_by_class():
    logits = np.eye(4)[[0, 0, 0, 1, 0, 2]]  # answers
    scores = evaluation.scores(logits, np.array([0, 0, 0, 0, 1, 2]))
    np.testing.assert_array_equal(scores["class_errors"], [0.25, 1, 0, np.nan])
    assert scores["balanced_error"] == pytest.approx(1.25 / 3)
    assert scores["error"] == pytest.approx(2 / 6)
