import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

import collaboration

G1 = tf.constant([[0.0, math.log(3.0)], [1.0, 1.0]], tf.float64)  # p: (1/4, 3/4), half
G2 = tf.constant([[0.0, 0.0], [2.0, -1.0]], tf.float64)


def random_logits(members, seed=0):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=(5, 4))) for _ in range(members)]


def test_squared_distance_by_hand():
    expected = [math.log(3) ** 2, 1 + 4]
    np.testing.assert_allclose(collaboration.squared_distance(G1, G2), expected)


def test_absolute_distance_by_hand():
    expected = [math.log(3), 1 + 2]
    np.testing.assert_allclose(collaboration.absolute_distance(G1, G2), expected)


def test_symmetric_cross_entropy_by_hand():
    # First image: p1 = (1/4, 3/4), p2 = (1/2, 1/2).
    first = math.log(2) - 0.5 * (math.log(1 / 4) + math.log(3 / 4))
    # Second: p1 = (1/2, 1/2), p2 = (s, 1 - s) with s = sigmoid(3).
    s = 1 / (1 + math.exp(-3))
    second = -0.5 * (math.log(s) + math.log(1 - s)) + math.log(2)
    np.testing.assert_allclose(
        collaboration.symmetric_cross_entropy(G1, G2), [first, second]
    )


def test_cost_is_the_mean_over_the_batch():
    cost = collaboration.collaboration_cost([G1, G2], "L1")
    assert float(cost) == pytest.approx((math.log(3) + 3) / 2)


@pytest.mark.parametrize("method", collaboration.METHODS)
def test_three_members_sum_over_consecutive_pairs(method):
    a, b, c = random_logits(3)
    both = [collaboration.collaboration_cost(pair, method) for pair in ([a, b], [b, c])]
    together = collaboration.collaboration_cost([a, b, c], method)
    assert float(together) == pytest.approx(float(sum(both)))


@pytest.mark.parametrize("method", collaboration.METHODS)
def test_symmetric_in_the_two_members(method):
    a, b = random_logits(2)
    one = collaboration.collaboration_cost([a, b], method)
    other = collaboration.collaboration_cost([b, a], method)
    assert float(one) == pytest.approx(float(other))


@pytest.mark.parametrize("method", ["L2", "L1"])
def test_zero_when_members_agree(method):
    (a,) = random_logits(1)
    assert float(collaboration.collaboration_cost([a, a], method)) == 0


def test_cross_entropy_is_twice_the_entropy_when_members_agree():
    (a,) = random_logits(1)
    p = np.asarray(tf.nn.softmax(a))
    entropy = -np.sum(p * np.log(p), axis=1).mean()
    cost = collaboration.collaboration_cost([a, a], "CE")
    assert float(cost) == pytest.approx(2 * entropy)


@pytest.mark.parametrize("method", collaboration.METHODS)
@pytest.mark.parametrize("members", [2, 3])
def test_gradients_are_those_of_finite_differences(method, members):
    logits = random_logits(members)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = collaboration.collaboration_cost(logits, method)
    gradients = tape.gradient(cost, logits)
    step = 1e-6
    for i, row, column in itertools.product(range(members), range(5), range(4)):
        values = []
        for sign in (1, -1):
            moved = [np.array(g) for g in logits]
            moved[i][row, column] += sign * step
            moved = [tf.constant(g) for g in moved]
            values.append(float(collaboration.collaboration_cost(moved, method)))
        difference = (values[0] - values[1]) / (2 * step)
        assert float(gradients[i][row, column]) == pytest.approx(
            difference, rel=1e-6, abs=1e-8
        )


@pytest.mark.parametrize("method", collaboration.METHODS)
def test_safe_for_very_large_logits(method):
    a = tf.constant([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])
    b = tf.constant([[-1e4, 1e4, 0.0], [-1e4, 1e4, 1e4]])
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        cost = collaboration.collaboration_cost([a, b], method)
    assert np.isfinite(cost)
    for gradient in tape.gradient(cost, [a, b]):
        assert np.isfinite(gradient).all()


def test_errors():
    with pytest.raises(ValueError, match="one of CE, L2, L1, got 'L3'"):
        collaboration.collaboration_cost([G1, G2], "L3")
    with pytest.raises(ValueError, match="at least 2 members, got 1"):
        collaboration.collaboration_cost([G1], "L2")
