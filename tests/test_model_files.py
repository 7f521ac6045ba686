"""Models that are saved, loaded and exported by Keras."""

import keras
import numpy as np
import tensorflow as tf
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import models
from collaborative.nn import optimization


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


def test_save_and_load_single(tmp_path, images_and_labels):
    images, _ = images_and_labels
    model = compiled(models.SingleModel(linear("a"), 0.1))
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))
