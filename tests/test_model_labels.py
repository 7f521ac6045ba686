"""What models make of labels: forms, smoothing, weights of images and of classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, linear, weights

from collaborative import models

pytestmark = pytest.mark.eager


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.eager(False)
def test_labels_of_all_forms_in_turn(jit_compile, images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble(), jit_compile=jit_compile)
    integers = model.test_on_batch(images, labels, return_dict=True)
    one_hot = keras.utils.to_categorical(labels, 3)
    # One trace takes all that is int64: it does not know the labels' rank.
    for other in (labels[:, None], one_hot, one_hot.astype(np.int64)):
        assert model.test_on_batch(images, other, return_dict=True) == pytest.approx(
            integers, rel=1e-5
        )
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        model.test_on_batch(images, labels[:, None] + 1)


NO_CLASSES = {
    "from 0 to 2, .*, got 3: number": lambda labels: labels + 1,
    "from 0 to 2, .*, got -1: number": lambda labels: tf.constant(labels - 1),
    "from 0 to 2, .*, got inf: number": lambda labels: np.where(labels, np.inf, 0),
    r"integers \[batch\] or": lambda labels: np.eye(5)[labels],
    "integers, or floats that": lambda labels: labels / 2,
    "integers, or floats": lambda labels: np.where(labels == 1, np.nan, 0),
}


@pytest.mark.parametrize("message", NO_CLASSES)
def test_wrong_labels_in_arrays_are_found_before_a_step(message, images_and_labels):
    """With XLA, which is Keras's default on a GPU, no step would say anything."""
    images, labels = images_and_labels
    model = compiled(ensemble(), jit_compile=True)
    wrong = NO_CLASSES[message](labels)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match=f"labels must be {message}"):
            call(images, wrong)
        with pytest.raises(ValueError, match=f"labels must be {message}"):
            call(x=images, y=wrong)
    for held_out in ((images, wrong), [images, wrong]):
        with pytest.raises(ValueError, match=f"labels must be {message}"):
            model.fit(images, labels, validation_data=held_out)


class FromOne(models.EnsembleModel):
    """Takes labels that are numbered from 1."""

    def train_step(self, data):
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step((x, y - 1, weights))


def test_steps_of_one_s_own_may_take_other_labels(images_and_labels):
    images, labels = images_and_labels
    usual = compiled(ensemble())
    own = compiled(FromOne(ensemble().members, "L2", 0.1, 0.01))
    own.set_weights(usual.get_weights())
    found = own.fit(images, labels + 1, shuffle=False, verbose=0).history
    wanted = usual.fit(images, labels, shuffle=False, verbose=0).history
    assert found["loss"] == pytest.approx(wanted["loss"])


def test_floats_are_labels_where_they_are_whole(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble())
    integers = model.test_on_batch(images, labels, return_dict=True)
    floats = model.test_on_batch(images, labels.astype("float32"), return_dict=True)
    assert floats == pytest.approx(integers)
    with pytest.raises(ValueError, match="must be integers, or floats that are whole"):
        model.fit(images, labels + 0.5, verbose=0)


@pytest.mark.parametrize("kind", [str, bytes, object])
def test_text_is_no_label(images_and_labels, kind):
    images, labels = images_and_labels
    model = compiled(ensemble())
    text = np.array(["cat", "dog", "owl"])[labels].astype(kind)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="must be numbers, got text") as caught:
            call(images, text)
        assert "\n" not in str(caught.value)


@pytest.mark.eager(False)
def test_wrong_labels_spoil_nothing_for_the_right_ones(images_and_labels):
    images, labels = images_and_labels
    model, never_wrong = compiled(ensemble()), compiled(ensemble())
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="labels must be integers"):
            call(images, np.zeros((96, 5)))
    found = model.fit(images, labels, shuffle=False, verbose=0).history
    assert found == never_wrong.fit(images, labels, shuffle=False, verbose=0).history


@pytest.mark.parametrize(
    "of_two, message",
    [
        (list, "one array of labels, which all members learn, and got a .* of 2"),
        (lambda y: {"a": y[0], "b": y[1]}, "one array of labels.*got a dict of 2"),
    ],
)
def test_labels_of_each_member_are_refused(images_and_labels, of_two, message):
    images, labels = images_and_labels
    with pytest.raises(ValueError, match=message):
        compiled(ensemble()).fit(images, of_two((labels, labels)), verbose=0)


def test_an_image_has_one_weight(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble())
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match="sample_weight must be a number for"):
            call(images, labels, sample_weight=np.ones((96, 3)))


@pytest.mark.eager(False)
def test_wrong_forms_are_refused_after_right_ones(images_and_labels):
    """Then a trace does not know the second size any more."""
    images, labels = images_and_labels
    model = compiled(ensemble())
    model.test_on_batch(images, labels, np.ones((96, 1)))
    with pytest.raises(ValueError, match="sample_weight must be a number for each"):
        model.test_on_batch(images, labels, np.ones((96, 2)))
    one_hot = keras.utils.to_categorical(labels, 3)
    model.test_on_batch(images, one_hot)
    with pytest.raises(ValueError, match="labels must be integers"):
        model.test_on_batch(images, keras.utils.to_categorical(labels, 5))


def test_half_weights_halve_what_is_minimised_and_leave_the_means(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble(weight_decay=0.0))
    plain = model.test_on_batch(images, labels, return_dict=True)
    half = model.test_on_batch(images, labels, np.full(96, 0.5), return_dict=True)
    for name in ("loss", "collaboration_cost"):
        assert half[name] == pytest.approx(plain[name] / 2, rel=1e-5)
    for name in ("a_error", "a_cost", "ensemble_cost"):
        assert half[name] == pytest.approx(plain[name], rel=1e-5)


@pytest.mark.parametrize(
    "method", ["L2", pytest.param("CE", marks=pytest.mark.slow), "Single"]
)
def test_class_weights_train_as_sample_weights_and_leave_the_statistics(
    method, images_and_labels
):
    """The same updates; errors and costs as without, in the step and measured."""
    images, labels = images_and_labels
    by_class = (0.5, 2.0, 1.25)
    sample = np.array(by_class, np.float32)[labels]
    plain, sampled, weighed = (
        compiled(ensemble(method, class_weight=c), optimizer="sgd")
        for c in (None, None, by_class)
    )
    first = plain.train_on_batch(images, labels, return_dict=True)
    found = weighed.train_on_batch(images, labels, return_dict=True)
    as_sampled = sampled.train_on_batch(images, labels, sample, return_dict=True)
    for name in ("a_error", "b_cost", "ensemble_cost", "weight_decay"):
        assert found[name] == pytest.approx(first[name], rel=1e-6)
    for name in ("loss", "collaboration_cost"):
        assert found[name] == pytest.approx(as_sampled[name], rel=1e-6)
    assert found["loss"] != pytest.approx(first["loss"], rel=1e-3)
    for one, other in zip(weights(weighed), weights(sampled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
    unweighed = weighed.evaluate(images, labels, verbose=0, return_dict=True)
    wanted = sampled.evaluate(images, labels, verbose=0, return_dict=True)
    assert unweighed == pytest.approx(wanted, rel=1e-5)


def test_class_weights_are_saved_and_checked(tmp_path):
    model = compiled(ensemble(class_weight=[1, 2, 3.0]))
    model.save(tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    assert loaded.class_weight == (1, 2, 3.0)
    assert models.SingleModel(linear("a"), class_weight=(1, 1, 0)).class_weight
    assert ensemble(class_weight={2: 3, 0: 1, 1: 2}).class_weight == (1, 2, 3)
    for wrong in ((1, 2), (1, 2, -3), (1, 2, float("nan")), {0: 1, 1: 2, 3: 3}):
        with pytest.raises(ValueError, match="class_weight must have a finite number"):
            ensemble(class_weight=wrong)


def test_smoothed_labels_train_as_such_distributions_and_leave_the_statistics(
    images_and_labels,
):
    """In the cross-entropy alone: the cost of disagreement is that of the labels."""
    images, labels = images_and_labels
    part = 0.3
    targets = np.eye(3, dtype=np.float32)[labels]
    plain, given, smooth = (
        compiled(ensemble("L2", label_smoothing=s), optimizer="sgd")
        for s in (0.0, 0.0, part)
    )
    first = plain.train_on_batch(images, labels, return_dict=True)
    wanted = given.train_on_batch(
        images, (1 - part) * targets + part / 3, return_dict=True
    )
    found = smooth.train_on_batch(images, labels, return_dict=True)
    assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-5)
    assert found["loss"] != pytest.approx(first["loss"], rel=1e-3)
    for name in ("a_error", "a_cost", "b_cost", "ensemble_cost", "collaboration_cost"):
        assert found[name] == pytest.approx(first[name], rel=1e-6)
    for one, other in zip(weights(smooth), weights(given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    measured = smooth.evaluate(images, labels, verbose=0, return_dict=True)
    wanted = given.evaluate(images, labels, verbose=0, return_dict=True)
    assert measured == pytest.approx(wanted, rel=1e-5)


def test_smoothing_is_saved_set_and_checked(tmp_path, images_and_labels):
    model = compiled(ensemble(label_smoothing=0.1, class_weight=(1, 2, 3)))
    model.save(tmp_path / "model.keras")
    assert models.load_model(tmp_path / "model.keras").label_smoothing == 0.1
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to below 1"):
        model.label_smoothing = 1.0
