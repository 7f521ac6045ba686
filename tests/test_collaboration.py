import functools
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from collaborative import collaboration, costs

PAPER_METHODS = ("CE", "L2", "L1")
PAIRWISE = [name for name, method in costs.METHODS.items() if method.pairwise]
BOTH_WAYS = (
    *PAPER_METHODS,
    "cosine",
    "ambiguity",
)  # whose gradients are those of their value

G1 = tf.constant([[0.0, math.log(3.0)], [1.0, 1.0]], tf.float64)  # p: (1/4, 3/4), half
G2 = tf.constant([[0.0, 0.0], [2.0, -1.0]], tf.float64)


def cost(logits, method="L2", **settings):
    return collaboration.Collaboration(method, **settings).cost(logits)


def random_logits(members, seed=0):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=(5, 4))) for _ in range(members)]


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


def test_cost_is_the_mean_over_the_batch():
    total = cost([G1, G2], "L1")
    assert float(total) == pytest.approx((math.log(3) + 3) / 2)


@pytest.mark.parametrize("method", PAIRWISE)
def test_three_members_sum_over_consecutive_pairs(method):
    a, b, c = random_logits(3)
    both = [cost(pair, method) for pair in ([a, b], [b, c])]
    together = cost([a, b, c], method)
    assert float(together) == pytest.approx(float(sum(both)))


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


def gradients(logits, method="L2", **settings):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = cost(logits, method, **settings)
    return [np.asarray(g) for g in tape.gradient(total, logits)]


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
