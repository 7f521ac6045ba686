"""Models that are saved, loaded and exported by Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import models, register
from collaborative.collaboration import Collaboration
from collaborative.costs import METHODS
from collaborative.nn import optimization

pytestmark = pytest.mark.eager


def test_keras_exports_the_ensemble(tmp_path, images_and_labels):
    images, _ = images_and_labels
    model = compiled(ensemble())
    expected = model(images)
    model.export(tmp_path, verbose=False)
    loaded = tf.saved_model.load(tmp_path)
    served = loaded.serve(images.astype(np.float32))
    np.testing.assert_allclose(served, expected, rtol=1e-5)


def test_save_and_load_everything(tmp_path, images_and_labels):
    model = ensemble(
        "CE", temperature=2.0, topology="ring", pair_cost="mean", pull=(1, 0.5),
        schedule="cosine", steps=10, unlabeled="mixed", unlabeled_weight=0.5,
    )  # fmt: skip
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    names = ("collaboration", "steps", "unlabeled", "unlabeled_weight", "average")
    for name in names:
        assert getattr(loaded, name) == getattr(model, name)


def test_save_and_load(tmp_path, images_and_labels):
    images, _ = images_and_labels
    model = compiled(ensemble("CE", 0.3), optimizer=optimization.paper_optimizer(100))
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.method, loaded.alpha, loaded.weight_decay) == ("CE", 0.3, 0.01)
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )
    for go_on in (model, loaded):
        fit(go_on, images_and_labels)
    for one, other in zip(weights(model), weights(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_cannot_be_saved_leaves_the_file_that_was_there(tmp_path):
    path, link = tmp_path / "model.keras", tmp_path / "link.keras"
    link.symlink_to(path)
    model = ensemble()
    model.save(path)
    before = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(model, "get_config", lambda: 1 / 0)
        model.save(str(link))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2
    model.alpha = 0.7
    model.save(link)
    assert link.is_symlink() and models.load_model(path).alpha == 0.7


def test_save_and_load_single(tmp_path, images_and_labels):
    images, _ = images_and_labels
    model = compiled(models.SingleModel(linear("a"), 0.1))
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.eager(False)
def test_a_schedule_of_keras_is_saved(tmp_path, images_and_labels):
    schedule = keras.optimizers.schedules.PolynomialDecay(2.0, 3, 0.5)
    model = compiled(ensemble(schedule=schedule))
    history = fit(model, images_and_labels, epochs=2)  # three steps an epoch
    # Means over the steps of 0.1 times 2, 1.5, 1 and of 0.1 times 0.5.
    np.testing.assert_allclose(history.history["alpha"], [0.15, 0.05], rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.collaboration.schedule.get_config() == schedule.get_config()


def test_a_method_that_is_not_registered_is_named(tmp_path, registered):
    register("squares")(lambda g1, g2: tf.reduce_sum((g1 - g2) ** 2, axis=-1))
    ensemble("squares").save(tmp_path / "model.keras")
    METHODS.pop("squares")
    with pytest.raises(ValueError, match="got 'squares'; one of your own is to be reg"):
        keras.models.load_model(tmp_path / "model.keras")


SETTINGS = {
    "temperature": 2.0, "topology": "ring", "pair_cost": "mean", "pull": (1, 0.5),
    "schedule": "cosine",
}  # fmt: skip


def test_a_ready_collaboration_is_as_its_settings_one_by_one(
    tmp_path, images_and_labels
):
    ready = Collaboration("CE", 0.3, **SETTINGS)
    one = compiled(ensemble(collaboration=ready, steps=10))
    other = compiled(ensemble("CE", 0.3, steps=10, **SETTINGS))
    assert one.collaboration == other.collaboration == ready
    config, wanted = one.get_config(), other.get_config()
    assert {k: config[k] for k in ("method", "alpha", *SETTINGS)} == {
        k: wanted[k] for k in ("method", "alpha", *SETTINGS)
    }
    for model in (one, other):
        fit(model, images_and_labels)
    for left, right in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(left, right)
    one.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").collaboration == ready


def test_what_stands_beside_a_ready_collaboration_takes_its_own_s_place():
    ready = Collaboration("CE", 0.3, temperature=2.0)
    model = ensemble(collaboration=ready, temperature=4.0)
    assert model.collaboration == Collaboration("CE", 0.3, temperature=4.0)
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        ensemble(collaboration=ready, temperature=0.0)


def test_a_network_alone_takes_a_ready_collaboration_with_its_teacher():
    ready = Collaboration("KL", 0.5, temperature=2.0, pull=(0.5,))
    model = models.SingleModel(linear("a"), collaboration=ready)
    assert (model.method, model.alpha) == ("KL", 0.5)
    # The member is drawn with all of the gradient, and the teacher is a constant.
    assert model.collaboration.pull == ()
