"""Members that are not trained: teachers of the others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import Inputs, models
from collaborative.nn.members import is_frozen

pytestmark = pytest.mark.eager
LAYERS = keras.layers


def normalized(name, seed=0):
    """A member with batch normalization and dropout."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            LAYERS.Flatten(),
            LAYERS.BatchNormalization(),
            LAYERS.Dropout(0.5, seed=seed),
            LAYERS.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed)),
        ],
        name=name,
    )


def trio(topology="chain", **kwargs):
    """Members a and c, and between them the frozen teacher."""
    members = [linear("a", seed=1), normalized("teacher", 2), linear("c", seed=3)]
    members[1].trainable = False
    kwargs = {"weight_decay": 0.01, "topology": topology} | kwargs
    return models.EnsembleModel(members, "L2", 0.1, **kwargs)


def state(member):
    return [np.asarray(v) for v in member.variables]


@pytest.mark.parametrize(
    "topology",
    [pytest.param("chain", marks=pytest.mark.eager(False)), "ring", "all", "star"],
)
def test_a_teacher_is_at_rest_and_measured_all_the_same(topology, images_and_labels):
    model = compiled(trio(topology), optimizer=keras.optimizers.SGD(0.001))
    images, labels = images_and_labels
    before = state(model["teacher"])
    history = fit(model, images_and_labels).history
    for old, new in zip(before, state(model["teacher"]), strict=True):
        np.testing.assert_array_equal(old, new)
    teacher = compiled(models.SingleModel(model["teacher"]))
    alone = teacher.evaluate(images, labels, verbose=0, return_dict=True)
    for name in ("teacher_error", "teacher_cost"):
        np.testing.assert_allclose(history[name], alone[name], rtol=1e-5)


PAIRS = {"chain": ["at", "tc"], "star": ["at", "ac"]}  # by the members' first letters


@pytest.mark.parametrize("topology", PAIRS)
def test_its_pupils_learn_from_its_logits_as_from_constants(
    topology, images_and_labels
):
    images, labels = images_and_labels
    model = compiled(trio(topology), optimizer=keras.optimizers.SGD(0.1))
    with tf.GradientTape() as tape:
        logits = {m.name[0]: m(images, training=False) for m in model.members}
        logits["t"] = tf.stop_gradient(logits["t"])
        costs = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits[name])
            for name in "ac"
        ]
        costs += [
            0.1 * tf.reduce_sum((logits[one] - logits[other]) ** 2, axis=1)
            for one, other in PAIRS[topology]
        ]
        kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        decay = 0.01 * sum(tf.reduce_sum(k**2) / 2 for k in kernels)
        cost = tf.reduce_mean(tf.add_n(costs)) + decay
    old = weights(model)
    gradients = tape.gradient(cost, model.trainable_variables)
    model.train_on_batch(images, labels)
    for before, gradient, after in zip(old, gradients, weights(model), strict=True):
        np.testing.assert_allclose(after, before - 0.1 * gradient, rtol=1e-3, atol=1e-5)


def test_no_gradient_of_it_is_computed(images_and_labels):
    """Its dense layer multiplies matrices once, forwards."""
    model = compiled(trio(), optimizer="sgd")
    model.train_on_batch(*images_and_labels)  # makes the optimizer's variables
    data = tuple(map(tf.constant, images_and_labels))
    step = tf.function(lambda: model.train_step(data))
    graph = step.get_concrete_function().graph
    shapes = [
        op.inputs[0].shape for op in graph.get_operations() if op.type == "MatMul"
    ]
    assert len(shapes) == 3 + 2  # and the gradients of two kernels


@pytest.mark.parametrize("steps", ["mixed", "separate"])
def test_images_without_labels_and_a_teacher(steps, images_and_labels):
    images, labels = images_and_labels
    model = compiled(trio(unlabeled=steps), optimizer="sgd")
    before = state(model["teacher"])
    model.train_on_batch(Inputs(images, images, ()), labels)
    for old, new in zip(before, state(model["teacher"]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_it_may_be_thawed(images_and_labels):
    model = compiled(trio())
    fit(model, images_and_labels)
    model["teacher"].trainable = True
    before = state(model["teacher"])
    fit(compiled(model), images_and_labels)
    assert not np.allclose(before[0], state(model["teacher"])[0])


def test_it_stays_frozen_in_a_file(tmp_path, images_and_labels):
    model = compiled(trio())
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert is_frozen(loaded["teacher"]) and not is_frozen(loaded["a"])
    for go_on in (model, loaded):
        fit(go_on, images_and_labels)
    for one, other in zip(weights(model), weights(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_to_train_is_refused(images_and_labels):
    model = ensemble()
    for member in model.members:
        member.trainable = False
    with pytest.raises(ValueError, match="nothing is left to be trained, since all"):
        fit(compiled(model), images_and_labels)
