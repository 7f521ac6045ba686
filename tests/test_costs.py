"""Each cost of disagreement: its value and its gradients."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from member_logits import G1, G2, cost, gradients, random_logits

from collaborative import collaboration, costs

PAPER_METHODS = ("CE", "L2", "L1")
BOTH_WAYS = (
    *PAPER_METHODS,
    "cosine",
    "ambiguity",
)  # whose gradients are those of their value


def test_squared_distance_by_hand():
    expected = [math.log(3) ** 2, 1 + 4]
    np.testing.assert_allclose(costs.squared_distance(G1, G2), expected)


def test_absolute_distance_by_hand():
    expected = [math.log(3), 1 + 2]
    np.testing.assert_allclose(costs.absolute_distance(G1, G2), expected)


def test_symmetric_cross_entropy_by_hand():
    # First image: p1 = (1/4, 3/4), p2 = (1/2, 1/2).
    first = math.log(2) - 0.5 * (math.log(1 / 4) + math.log(3 / 4))
    # Second: p1 = (1/2, 1/2), p2 = (s, 1 - s) with s = sigmoid(3).
    s = 1 / (1 + math.exp(-3))
    second = -0.5 * (math.log(s) + math.log(1 - s)) + math.log(2)
    np.testing.assert_allclose(costs.symmetric_cross_entropy(G1, G2), [first, second])


def test_mutual_learning_by_hand():
    # First image: p1 = (1/4, 3/4), p2 = (1/2, 1/2).
    first = (math.log(1 / 2) + 3 * math.log(3 / 2)) / 4
    first += (math.log(2) + math.log(2 / 3)) / 2
    values = costs.mutual_learning(G1, G2)
    np.testing.assert_allclose(values[0], first)


def test_cosine_by_hand():
    g1 = tf.constant([[1.0, -1.0, 0.0]], tf.float64)
    g2 = tf.constant([[5.0, 4.0, 3.0]], tf.float64)  # (1, 0, -1) about its mean
    np.testing.assert_allclose(costs.cosine_distance(g1, g2), [0.5])
    assert float(cost([g1, 7 * g1 + 3], "cosine")) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("method", costs.METHODS)
def test_symmetric_in_the_two_members(method):
    a, b = random_logits(2)
    one = cost([a, b], method)
    other = cost([b, a], method)
    assert float(one) == pytest.approx(float(other))


IN_AGREEMENT = ["L2", "L1", "KL", "cosine", "ambiguity", "ensemble_KL"]


@pytest.mark.parametrize("method", IN_AGREEMENT)
def test_zero_when_members_agree(method):
    (a,) = random_logits(1)
    assert float(cost([a, a], method)) == pytest.approx(0, abs=1e-12)


def test_cross_entropy_is_twice_the_entropy_when_members_agree():
    (a,) = random_logits(1)
    p = np.asarray(tf.nn.softmax(a))
    entropy = -np.sum(p * np.log(p), axis=1).mean()
    total = cost([a, a], "CE")
    assert float(total) == pytest.approx(2 * entropy)


@pytest.mark.parametrize("method", BOTH_WAYS)
@pytest.mark.parametrize("members", [2, 3])
def test_gradients_are_those_of_finite_differences(method, members):
    logits = random_logits(members)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = cost(logits, method)
    gradients = tape.gradient(total, logits)
    step = 1e-6
    for i, row, column in itertools.product(range(members), range(5), range(4)):
        values = []
        for sign in (1, -1):
            moved = [np.array(g) for g in logits]
            moved[i][row, column] += sign * step
            moved = [tf.constant(g) for g in moved]
            values.append(float(cost(moved, method)))
        difference = (values[0] - values[1]) / (2 * step)
        assert float(gradients[i][row, column]) == pytest.approx(
            difference, rel=1e-6, abs=1e-8
        )


@pytest.mark.parametrize("method", costs.METHODS)
def test_safe_for_very_large_logits(method):
    a = tf.constant([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])
    b = tf.constant([[-1e4, 1e4, 0.0], [-1e4, 1e4, 1e4]])
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        total = cost([a, b], method)
    assert np.isfinite(total)
    for gradient in tape.gradient(total, [a, b]):
        assert np.isfinite(gradient).all()


def test_a_fixed_target_has_no_gradient():
    """The gradient of -sum p2 log p1 for g1 with p2 fixed is p1 - p2."""
    a, b = random_logits(2)
    p = np.asarray(tf.nn.softmax(a)) - np.asarray(tf.nn.softmax(b))
    for method in ("CE_stop_gradient", "KL"):
        one, other = gradients([a, b], method)
        np.testing.assert_allclose(one, p / len(p), atol=1e-12)
        np.testing.assert_allclose(other, -p / len(p), atol=1e-12)
    assert not np.allclose(gradients([a, b], "CE")[0], p / len(p))


@pytest.mark.parametrize("method", ["CE", "CE_stop_gradient", "KL"])
def test_a_temperature_softens_the_probabilities(method):
    a, b = random_logits(2)
    assert float(cost([a, b], method, temperature=3)) == pytest.approx(
        9 * float(cost([a / 3, b / 3], method))
    )


def test_ambiguity_is_what_averaging_the_logits_gains():
    """mean_i CE_i - A = CE of the ensemble of averaged logits, whatever the labels."""
    logits, labels = random_logits(3), [0, 1, 2, 3, 0]

    def cross_entropy(g):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, g).numpy()

    members = np.mean([cross_entropy(g) for g in logits], axis=0)
    ensemble = cross_entropy(tf.add_n(logits) / 3)
    gained = costs.ambiguity(tf.stack(logits), None, None)
    np.testing.assert_allclose(gained, members - ensemble, rtol=1e-12)
    assert (gained.numpy() > 0).all()


def test_with_a_weight_of_minus_n_the_ensemble_s_own_cost_is_trained():
    logits, labels = random_logits(2), [0, 1, 2, 3, 0]
    ambiguity = collaboration.Collaboration("ambiguity", alpha=-2.0)

    def mean_cost(g):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, g))

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        joint = tf.add_n([mean_cost(g) for g in logits])
        joint += ambiguity.alpha * ambiguity.cost(logits)
        ensemble = 2 * mean_cost(tf.add_n(logits) / 2)
    found, wanted = tape.gradient(joint, logits), tape.gradient(ensemble, logits)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_ensemble_as_the_teacher_by_hand():
    """The gradient of KL(p || p_i) for g_i with p fixed is p_i - p."""
    a, b = random_logits(2)
    teacher = np.asarray(tf.nn.softmax((a + b) / 2))
    for gradient, g in zip(gradients([a, b], "ensemble_KL"), (a, b), strict=True):
        wanted = (np.asarray(tf.nn.softmax(g)) - teacher) / len(teacher)
        np.testing.assert_allclose(gradient, wanted, atol=1e-12)
