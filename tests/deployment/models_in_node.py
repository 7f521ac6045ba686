"""Models whose pages are run in Node, beside Keras."""

import shutil

import keras
import numpy as np
import pytest
from keras import layers as kl

from collaborative.deployment import formats, runtimes

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
SHAPE = (9, 6, 3)


def filled(model, seed=0):
    """The model with random weights of moderate size, so that nothing is 0 or 1."""
    rng = np.random.default_rng(seed)
    for weight in model.variables:
        values = rng.uniform(0.2, 1.0, weight.shape)
        signs = rng.choice([-1, 1], weight.shape)
        is_variance = "variance" in weight.path
        weight.assign(values if is_variance else values * signs / 3)
    return model


def built(make, shape=SHAPE):
    """A functional model around a function from a tensor to another."""
    inputs = keras.Input(shape)
    # The image is scaled first, so that functions are not saturated.
    output = make(kl.Rescaling(1 / 64, offset=-2)(inputs))
    if len(output.shape) > 2:
        output = kl.Flatten()(output)
    return filled(keras.Model(inputs, output, name="model"))


def images(count, shape=SHAPE):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, *shape)).astype(np.float32)


def compare(model, tmp_path, tolerance=2e-6, count=3, runtime=None):
    """Runs a model's page in Node beside Keras."""
    path = tmp_path / "index.html"
    formats.write(model, path, "web", web_runtime=runtime)
    given = images(count, model.input_shape[1:])
    found, wanted = (
        runtimes.load("web", path)(given),
        model(given, training=False).numpy(),
    )
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(found, wanted, atol=tolerance * np.abs(wanted).max())
    return path


def conv(*args, **kwargs):
    return kl.Conv2D(*args, bias_initializer="ones", **kwargs)
