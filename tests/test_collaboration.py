"""Collaboration: pairs of members, pulls, costs of one's own, and what cannot be."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from member_logits import G1, G2, cost, gradients, random_logits

from collaborative import collaboration, costs

PAIRWISE = [name for name, method in costs.METHODS.items() if method.pairwise]


def test_cost_is_the_mean_over_the_batch():
    total = cost([G1, G2], "L1")
    assert float(total) == pytest.approx((math.log(3) + 3) / 2)


@pytest.mark.parametrize("method", PAIRWISE)
def test_three_members_sum_over_consecutive_pairs(method):
    a, b, c = random_logits(3)
    both = [cost(pair, method) for pair in ([a, b], [b, c])]
    together = cost([a, b, c], method)
    assert float(together) == pytest.approx(float(sum(both)))


@pytest.mark.parametrize(
    "topology, pairs",
    [
        ("chain", [(0, 1), (1, 2), (2, 3)]),
        ("ring", [(0, 1), (1, 2), (2, 3), (3, 0)]),
        ("all", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
        ("star", [(0, 1), (0, 2), (0, 3)]),
    ],
)
def test_pairs_of_a_topology(topology, pairs):
    logits = random_logits(4)
    expected = sum(float(cost([logits[i], logits[j]])) for i, j in pairs)
    assert float(cost(logits, topology=topology)) == pytest.approx(expected)
    mean = cost(logits, topology=topology, pair_cost="mean")
    assert float(mean) == pytest.approx(expected / len(pairs))


@pytest.mark.parametrize("topology", collaboration.TOPOLOGIES)
def test_two_members_are_one_pair_everywhere(topology):
    a, b = random_logits(2)
    assert float(cost([a, b], topology=topology)) == float(cost([a, b]))


@pytest.mark.parametrize("method", PAIRWISE)
def test_pull_scales_the_gradient_of_a_member_and_not_the_cost(method):
    a, b = random_logits(2)
    plain = gradients([a, b], method)
    pulled = gradients([a, b], method, pull=(0.25, 0))
    np.testing.assert_allclose(pulled[0], 0.25 * plain[0], rtol=1e-12)
    np.testing.assert_array_equal(pulled[1], np.zeros_like(plain[1]))
    assert float(cost([a, b], method, pull=(0.25, 0))) == pytest.approx(
        float(cost([a, b], method))
    )


def test_a_cost_of_ones_own(registered):
    @costs.register("largest")
    def largest(g1, g2):
        return tf.reduce_max(tf.abs(g1 - g2), axis=-1)

    assert float(cost([G1, G2], "largest")) == pytest.approx((math.log(3) + 2) / 2)
    for taken in ("largest", "Single"):
        with pytest.raises(ValueError, match=f"a method '{taken}' already"):
            costs.register(taken)(tf.abs)


def test_a_cost_of_all_members_with_labels_and_weights(registered):
    @costs.register("known", labels=True)
    def known(logits, labels, weights):
        own = logits * tf.one_hot(labels, 2)
        return weights * tf.reduce_sum(own, axis=[0, 2])

    logits = [tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[5.0, 6.0], [7, 8]])]
    labels = tf.constant([1, 0])
    together = collaboration.Collaboration("known")
    # Images: 2 + 6 and 3 + 7.
    assert float(together.cost(logits, labels)) == (8 + 10) / 2
    # The weights come twice here: in this cost, and in the mean.
    weights = tf.constant([0.0, 3.0])
    assert float(together.cost(logits, labels, weights)) == (0 + 3 * 3 * 10) / 2
    with pytest.raises(ValueError, match="method known needs labels, and these images"):
        together.cost(logits)


def test_an_image_of_weight_zero_counts_for_nothing():
    weights = tf.constant([0.0, 2.0], tf.float64)
    alone = cost([G1[1:], G2[1:]])
    weighed = collaboration.Collaboration("L2").cost([G1, G2], weights=weights)
    assert float(weighed) == float(2 * alone / 2)


def test_a_topology_of_ones_own(registered):
    collaboration.register_topology("ends")(lambda n: [(0, n - 1)])
    a, b, c = random_logits(3)
    assert float(cost([a, b, c], topology="ends")) == float(cost([a, c]))
    with pytest.raises(ValueError, match="a topology 'ring' already"):
        collaboration.register_topology("ring")(len)


def test_a_schedule_that_is_a_callable():
    """Keras's schedules of learning rates are: from the step to a factor."""
    decay = tf.keras.optimizers.schedules.PiecewiseConstantDecay([9], [1.0, 0.5])
    together = collaboration.Collaboration(alpha=4.0, schedule=decay)
    assert [float(together.weight(tf.constant(s))) for s in (0, 9, 10)] == [4, 4, 2]


def power(g1, g2, p=2.0):
    return tf.reduce_sum(tf.abs(g1 - g2) ** p, axis=-1)


@pytest.mark.parametrize("given", [power, functools.partial(power, p=2.0)])
def test_a_parameter_of_the_cost_itself_is_no_tensor(given, registered):
    """It was counted, and the cost taken for one of all members with their labels."""
    costs.register("power")(given)
    assert costs.METHODS["power"].pairwise
    assert float(cost([G1, G2], "power")) == float(cost([G1, G2], "L2"))


def test_costs_with_other_arguments():
    for wrong in (lambda g: g, lambda a, b, c, d: a):
        with pytest.raises(ValueError, match="must take two members' logits"):
            costs.register("wrong")(wrong)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"method": "ambiguity", "topology": "ring"}, "topology says how pairs of"),
        ({"method": "ambiguity", "pull": (1, 0)}, "pull says how pairs of members"),
        ({"method": "ensemble_KL", "alpha": -1}, "alpha must be a finite number >= 0"),
        ({"method": "ambiguity", "alpha": math.nan}, "must be a finite number, got"),
        ({"method": "L3"}, "one of CE, L2, L1, .*, got 'L3'"),
        ({"method": "KL", "temperature": 0}, "temperature must be above 0, got 0"),
        ({"temperature": 2}, "L2 does not compare: leave it at 1, or use method CE"),
        ({"topology": "tree"}, "topology must be one of chain, ring, all, star"),
        ({"pair_cost": "max"}, "pair_cost must be one of sum, mean, got 'max'"),
        ({"pull": (1, -1)}, "pull must be numbers >= 0"),
        ({"schedule": "up"}, "alpha_schedule must be constant, .*, got 'up'"),
    ],
)
def test_collaborations_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        collaboration.Collaboration(**settings)


def test_one_member_cannot_collaborate():
    with pytest.raises(ValueError, match="at least 2 members, got 1"):
        cost([G1])


@pytest.mark.parametrize(
    "function, found",
    [
        (lambda g1, g2: tf.reduce_sum((g1 - g2) ** 2), r"the shape \[\]"),
        (lambda g1, g2: (g1 - g2) ** 2, r"the shape \[5, 4\]"),
        (lambda g1, g2: None, "None"),
        (lambda logits, labels, weights: logits[..., 0], r"the shape \[2, 5\]"),
    ],
)
def test_a_cost_that_is_none_for_each_image(function, found, registered):
    costs.register("own")(function)
    with pytest.raises(ValueError, match=f"own must give a cost for each .*{found}:"):
        cost(random_logits(2), "own")


def test_a_cost_of_another_type(registered):
    """Such as one that counts."""
    costs.register("own")(
        lambda g1, g2: tf.math.count_nonzero(g1 > g2, axis=-1, dtype=tf.int32)
    )
    assert cost([G1, G2], "own").numpy() == 1  # (1 + 1) / 2
