import functools

import keras
import numpy as np
import pytest
from collaborative.models import EnsembleModel, SingleModel
from collaborative.resnet import ResNetConfig, build_resnet

from collaborative import models
from collaborative.deployment import plain_models

SMALL, LARGE = ResNetConfig(2, 1, 4), ResNetConfig(1, 1, 6)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def member(config, name, dtype=None):
    return build_resnet(config, (8, 8, 1), 3, name, seed=len(name), dtype=dtype)


@functools.cache
def trained_members(dtype=None):
    """Two networks whose moments of batches are their own; only to be read."""
    members = [member(SMALL, "small", dtype), member(LARGE, "large", dtype)]
    rng = np.random.default_rng(1)
    for one in members:
        one.set_weights([w + rng.normal(0, 0.05, w.shape) for w in one.get_weights()])
    return members


@pytest.fixture
def images():
    return np.random.default_rng(2).uniform(0, 3, (16, 8, 8, 1)).astype(np.float32)


def all_layers(model):
    """Layers of a model and of the models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


def test_a_member_alone_predicts_as_in_the_ensemble(images):
    ensemble = EnsembleModel(trained_members())
    for index, name in enumerate(("small", "large")):
        plain = plain_models.plain_model(ensemble, name)
        logits = np.array(ensemble.member_logits(images)[index])
        assert plain.name == name and 0.1 < np.ptp(logits) < 30
        np.testing.assert_allclose(plain(images), logits, rtol=1e-4, atol=1e-4)
        probabilities = plain_models.plain_model(ensemble, name, softmax=True)(images)
        np.testing.assert_allclose(probabilities, softmax(logits), atol=1e-5)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_the_ensemble_averages(average, images):
    ensemble = EnsembleModel(trained_members(), average=average)
    small, large = (np.array(member(images)) for member in ensemble.members)
    if average == "logits":
        expected = (small + large) / 2
    else:
        expected = np.log((softmax(small) + softmax(large)) / 2)
    plain = plain_models.plain_model(ensemble, "ensemble")
    np.testing.assert_allclose(plain(images), expected, rtol=1e-4, atol=1e-4)
    plain = plain_models.plain_model(ensemble, "ensemble", softmax=True)
    np.testing.assert_allclose(plain(images), softmax(expected), atol=1e-5)


@pytest.mark.parametrize(
    "dtype",
    [None, "mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)],
)
def test_plain_models_have_stock_layers_in_float32(dtype, images):
    ensemble = EnsembleModel(trained_members(dtype))
    plain = plain_models.plain_model(ensemble, "ensemble", softmax=True)
    for layer in all_layers(plain):
        assert type(layer).__module__.startswith("keras."), layer
        assert layer.compute_dtype == "float32" == layer.dtype
    names = [type(layer).__name__ for layer in all_layers(plain)]
    assert names.count("BatchNormalization") == 7 + 3
    # The same network, built in float32 by other means.
    twin = member(SMALL, "small")
    twin.set_weights(ensemble.members[0].get_weights())
    plain = plain_models.plain_model(ensemble, "small")
    np.testing.assert_allclose(plain(images), twin(images), rtol=1e-4, atol=1e-4)


def test_weights_are_copied(images):
    single = SingleModel(member(SMALL, "small"))
    plain = plain_models.plain_model(single, "small")
    before = np.array(single(images))
    plain.set_weights([w + 1 for w in plain.get_weights()])
    np.testing.assert_array_equal(single(images), before)


def test_somebodys_own_models():
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu")])
    nested = keras.Model(inputs, keras.layers.Dense(3)(inner(inputs)), name="nested")
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="flat")
    ensemble = EnsembleModel([nested, flat])
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    plain = plain_models.plain_model(ensemble, "ensemble")
    np.testing.assert_allclose(plain(x), (nested(x) + flat(x)) / 2, atol=1e-6)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def test_what_cannot_be_rebuilt():
    model = SingleModel(member(SMALL, "small"))
    with pytest.raises(models.UnusableModel, match="no 'ensemble': choose small"):
        plain_models.plain_model(model, "ensemble")
    subclassed = Subclassed()
    subclassed(np.zeros((1, 4)))
    with pytest.raises(models.UnusableModel, match=r"'own' cannot be rebuilt.*func"):
        plain_models.plain_model(SingleModel(subclassed), "own")


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("no model")
    said = r"model\.keras cannot be loaded: it is damaged, or no model"
    with pytest.raises(models.UnusableModel, match=said):
        models.load_model(path, compile=False)
