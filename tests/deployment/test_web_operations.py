"""Each operation of a page, run in Node, beside the layer of Keras that it is."""

import shutil

import keras
import numpy as np
import pytest
from keras import layers as kl

from collaborative.deployment import formats, runtimes
from collaborative.deployment.web import elementwise

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


def branches(layer):
    return lambda x: layer([conv(4, 3)(x), conv(4, 3)(x), conv(4, 3)(x)])


def shared(x):
    layer = conv(3, 3, padding="same")
    return layer(layer(x))


def nested(x):
    inside = keras.Sequential([keras.Input(SHAPE), conv(5, 2), kl.ReLU()])
    return keras.Model(inside.inputs[0], inside.outputs[0])(x)


OPERATIONS = {
    "same": conv(5, 3, padding="same"),
    "valid": conv(8, (2, 3), use_bias=False),
    "patches": conv(4, 2, strides=2, use_bias=False),
    "strided": conv(9, 3, strides=2, padding="same"),
    "uneven strides": conv(4, (3, 2), strides=(2, 3), padding="same"),
    "dilated": conv(4, 3, dilation_rate=2, padding="same"),
    "groups": conv(6, 3, groups=3),
    "pointwise": conv(7, 1, activation="relu"),
    "depthwise": kl.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
    "separable": kl.SeparableConv2D(5, 3, activation="tanh"),
    "batch norm": kl.BatchNormalization(),
    "batch norm without scale": kl.BatchNormalization(scale=False, center=False),
    "normalization": kl.Normalization(mean=[1.0, 2, 3], variance=[0.5, 2, 4]),
    "inverse normalization": kl.Normalization(mean=2.0, variance=4.0, invert=True),
    "rescaling": kl.Rescaling([1.0, 2, 3], offset=0.5),
    "relu": kl.ReLU(),
    "relu with a maximum": kl.ReLU(max_value=0.7),
    "relu with a slope": kl.ReLU(negative_slope=0.3),
    "leaky relu": kl.LeakyReLU(0.4),
    "elu": kl.ELU(0.6),
    "softmax": kl.Softmax(),
    "average pool": kl.AveragePooling2D(3, strides=2, padding="same"),
    "max pool": kl.MaxPooling2D((2, 3)),
    "max pool same": kl.MaxPooling2D(3, strides=2, padding="same"),
    "global average": kl.GlobalAveragePooling2D(),
    "global average, kept": kl.GlobalAveragePooling2D(keepdims=True),
    "global max": lambda x: kl.GlobalMaxPooling2D()(conv(6, 3)(x)),
    "dense": lambda x: kl.Dense(7, bias_initializer="ones")(kl.Flatten()(x)),
    "dense of channels": kl.Dense(4, activation="sigmoid", use_bias=False),
    "add": branches(kl.Add()),
    "add two": lambda x: kl.Add()([x, conv(3, 3, padding="same")(x)]),
    "average": branches(kl.Average()),
    "multiply": branches(kl.Multiply()),
    "maximum": branches(kl.Maximum()),
    "concatenate": lambda x: kl.Concatenate()([conv(2, 1)(x), x, conv(5, 1)(x)]),
    "padding": kl.ZeroPadding2D(((1, 2), (0, 3))),
    "cropping": kl.Cropping2D(((1, 2), (0, 3))),
    "reshape": lambda x: conv(2, 2)(kl.Reshape((6, 9, 3))(x)),
    "nothing in prediction": lambda x: kl.RandomFlip()(kl.Dropout(0.5)(x)),
    "shared": shared,
    "nested": nested,
    **{name: kl.Activation(name) for name in (*elementwise.FUNCTIONS, "log_softmax")},
}


@needs_node
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_that_of_keras(operation, tmp_path):
    compare(built(OPERATIONS[operation]), tmp_path)
