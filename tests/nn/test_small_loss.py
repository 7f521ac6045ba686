"""Small-loss selection: images of large costs are left out of what is minimised."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, linear, weights

from collaborative import models
from collaborative.nn import metrics

pytestmark = pytest.mark.eager


@pytest.mark.parametrize(
    "left_out, wanted",
    [
        (0.0, [1, 1, 1, 1]),
        (0.25, [4 / 3, 4 / 3, 4 / 3, 0]),
        (0.5, [0, 2, 2, 0]),
        (0.9, [0, 4, 0, 0]),  # one is left at least
    ],
)
def test_the_largest_costs_have_no_weight(left_out, wanted):
    costs = tf.constant([[3.0, 1.0, 2.0, 10.0], [10.0, 2.0, 3.0, 1.0]])
    found = metrics.small_loss_weights(costs, left_out).numpy()
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found.mean(axis=1), 1, rtol=1e-6)
    equal = metrics.small_loss_weights(tf.zeros([1, 4]), 0.5).numpy()
    assert sorted(equal[0]) == [0, 0, 2, 2]


def by_hand(costs):
    """Weights that leave out half of the images."""
    kept = np.argsort(np.argsort(costs, kind="stable")) < len(costs) / 2
    return 2.0 * kept


def costs_of(members, images, labels):
    """Cross-entropies as a step of training has them, `[members, images]`."""
    logits = tf.stack([member(images, training=True) for member in members])
    return metrics.errors_and_costs(labels, logits)[1].numpy()


def sgd(model):
    return compiled(model, optimizer="sgd")


def test_members_that_collaborate_leave_out_the_same_images(images_and_labels):
    images, labels = images_and_labels
    model = sgd(ensemble("L2", small_loss=0.5, steps=10))
    plain = sgd(ensemble("L2"))
    for one in (model, plain):  # nothing is left out at first
        one.train_on_batch(images, labels)
    for one, other in zip(weights(model), weights(plain), strict=True):
        np.testing.assert_array_equal(one, other)
    selected = by_hand(costs_of(plain.members, images, labels).sum(axis=0))
    found = model.train_on_batch(images, labels, return_dict=True)
    wanted = plain.train_on_batch(
        images, labels, sample_weight=selected, return_dict=True
    )
    for name in ("loss", "collaboration_cost"):
        assert found[name] == pytest.approx(wanted[name], rel=1e-5)
    assert found["a_cost"] > wanted["a_cost"]  # which is of all images
    for one, other in zip(weights(model), weights(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_members_apart_leave_out_their_own(images_and_labels):
    images, labels = images_and_labels
    together = sgd(ensemble("Single", 0.0, 0.0, small_loss=0.5, steps=10))
    members = [linear("a", seed=1), linear("b", seed=2)]
    alone = [sgd(models.SingleModel(member)) for member in members]
    for model in (together, *alone):
        model.train_on_batch(images, labels)
    own = [by_hand(c) for c in costs_of(together.members, images, labels)]
    assert (own[0] != own[1]).any()
    together.train_on_batch(images, labels)
    for model, selected in zip(alone, own, strict=True):
        model.train_on_batch(images, labels, sample_weight=selected)
    apart = [w for model in alone for w in weights(model)]
    for one, other in zip(weights(together), apart, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_weights_of_images_and_a_selection_are_multiplied(images_and_labels):
    images, labels = images_and_labels
    given = np.linspace(0, 2, len(images)).astype(np.float32)
    model, plain = (
        sgd(ensemble("L2", **settings))
        for settings in ({"small_loss": 0.5, "steps": 10}, {})
    )
    for one in (model, plain):
        one.train_on_batch(images, labels, sample_weight=given)
    selected = by_hand(costs_of(plain.members, images, labels).sum(axis=0))
    model.train_on_batch(images, labels, sample_weight=given)
    plain.train_on_batch(images, labels, sample_weight=given * selected)
    for one, other in zip(weights(model), weights(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_it_is_saved_and_checked(tmp_path):
    model = sgd(ensemble(small_loss=0.4, steps=10))
    model.save(tmp_path / "model.keras")
    assert models.load_model(tmp_path / "model.keras").small_loss == 0.4
    with pytest.raises(ValueError, match="small_loss must be from 0 to below 1, got 1"):
        model.small_loss = 1
    with pytest.raises(ValueError, match="it needs steps"):
        model.steps = None
    with pytest.raises(ValueError, match="it needs steps"):
        ensemble(small_loss=0.4)
