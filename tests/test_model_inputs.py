"""What comes with the images: a teacher's logits, images without labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, linear, weights

from collaborative import collaboration, models, register
from collaborative.data.examples import Inputs

pytestmark = pytest.mark.eager


def fit_on_inputs(model, inputs, labels, epochs=1):
    data = tf.data.Dataset.from_tensors((inputs, labels))
    return model.fit(data, epochs=epochs, verbose=0).history


def test_a_student_descends_hintons_cost(images_and_labels):
    """CE(y, p) + alpha T^2 KL(teacher / T || p / T), but for a constant."""
    images, labels = images_and_labels
    teacher = np.random.default_rng(0).normal(size=(96, 3)).astype(np.float32)
    student = models.SingleModel(linear("a"), method="KL", alpha=0.5, temperature=2.0)
    compiled(student, optimizer=keras.optimizers.SGD(0.1))
    before = weights(student)
    with tf.GradientTape() as tape:
        g = student.members[0](images)
        cost = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=g)
        target = tf.nn.softmax(teacher / 2)
        cost += 0.5 * 4 * tf.nn.softmax_cross_entropy_with_logits(target, g / 2)
        cost = tf.reduce_mean(cost)
    gradients = tape.gradient(cost, student.trainable_variables)
    fit_on_inputs(student, Inputs(images, teacher=teacher), labels)
    for old, gradient, new in zip(before, gradients, weights(student), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def normalized(name, seed):
    layers = [keras.Input((8, 8, 1)), keras.layers.BatchNormalization()]
    return keras.Sequential([*layers, *linear(name, seed=seed).layers], name=name)


@pytest.mark.eager(False)
def test_mixed_images_without_labels_add_their_cost(images_and_labels):
    images, labels = images_and_labels
    further = 255 - images[:32]
    model = ensemble(unlabeled="mixed", unlabeled_weight=0.3)
    compiled(model, optimizer=keras.optimizers.SGD(0.1))
    before = weights(model)
    with tf.GradientTape() as tape:
        logits = [m(images) for m in model.members]
        apart = model.collaboration.cost([m(further) for m in model.members])
        cost = 0.1 * model.collaboration.cost(logits) + 0.1 * 0.3 * apart
        cost += model._weight_decay_cost()
        for g in logits:
            cost += tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=g)
            )
    gradients = tape.gradient(cost, model.trainable_variables)
    history = fit_on_inputs(model, Inputs(images, further), labels)
    assert history["unlabeled_cost"] == pytest.approx([float(apart)], rel=1e-5)
    assert history["loss"] == pytest.approx([float(cost)], rel=1e-5)
    for old, gradient, new in zip(before, gradients, weights(model), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.eager(False)
def test_separate_steps_on_images_without_labels(images_and_labels):
    images, labels = images_and_labels
    further = 255 - images[:32]
    model = ensemble(unlabeled="separate", unlabeled_weight=0.3)
    compiled(model, optimizer=keras.optimizers.SGD(0.1))
    apart = ensemble()
    compiled(apart, optimizer=keras.optimizers.SGD(0.1))
    with tf.GradientTape() as tape:
        cost = apart.collaboration.cost([m(further) for m in apart.members])
        cost *= 0.1 * 0.3
    gradients = tape.gradient(cost, apart.trainable_variables)
    apart.optimizer.apply(gradients, apart.trainable_variables)
    apart.train_on_batch(images, labels)
    fit_on_inputs(model, Inputs(images, further), labels)
    assert int(model.optimizer.iterations) == 2
    for one, other in zip(weights(model), weights(apart), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("unlabeled", collaboration.UNLABELED_STEPS)
def test_images_without_labels_leave_no_trace_in_the_moments(
    unlabeled, images_and_labels
):
    images, labels = images_and_labels
    moments = []
    for kind, inputs in (
        (unlabeled, Inputs(images, 255 - images[:32])),
        (None, Inputs(images)),
    ):
        members = [normalized("a", 1), normalized("b", 2)]
        model = compiled(models.EnsembleModel(members, unlabeled=kind))
        fit_on_inputs(model, inputs, labels)
        moments.append([v.numpy() for v in model.non_trainable_weights])
    assert moments[0]
    for one, other in zip(*moments, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_images_without_labels_must_be_expected(images_and_labels):
    images, labels = images_and_labels
    for model, inputs, message in (
        (ensemble(), Inputs(images, images), "have no use for images"),
        (ensemble(unlabeled="mixed"), Inputs(images), "would need images"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_on_inputs(compiled(model), inputs, labels)


def test_a_cost_of_all_members_and_the_labels(registered, images_and_labels):
    """The mean of the members is drawn up where it is wrong."""

    @register("wrong_only", labels=True)
    def wrong_only(logits, labels, weights):
        mean = tf.reduce_mean(logits, axis=0)
        wrong = tf.cast(tf.argmax(mean, axis=-1) != labels, tf.float32)
        return wrong * tf.reduce_sum((logits - mean) ** 2, axis=[0, 2])

    images, labels = images_and_labels
    model = compiled(ensemble("wrong_only", alpha=1.0))
    logits = np.stack(model.member_logits(images))
    mean = logits.mean(axis=0)
    wrong = mean.argmax(axis=1) != labels
    wanted = np.mean(wrong * ((logits - mean) ** 2).sum(axis=(0, 2)))
    found = model.evaluate(images, labels, batch_size=96, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["collaboration_cost"], wanted, rtol=1e-5)
    assert wrong.any()
    model.fit(images, labels, verbose=0)
    unlabeled = compiled(ensemble("wrong_only", unlabeled="mixed"))
    with pytest.raises(ValueError, match="needs labels, and these images have none"):
        fit_on_inputs(unlabeled, Inputs(images, images), labels)
