"""How layers that compute number by number are said in the interpreter's operations.

As in `layers`; here too is what both share.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers as kl


class Refused(ValueError):
    """A setting that the page does not have; the text follows the layer's name."""


# Elementwise functions of the interpreter, by their names in Keras.
FUNCTIONS = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "silu"),
    *("hard_silu", "tanh", "softplus", "softsign", "exponential", "gelu", "mish"),
)
_OVER_CLASSES = ("softmax", "log_softmax")


def function(build, value, name, **attributes):
    """Adds an activation by its name in Keras."""
    if name == "linear":
        return value
    if name in _OVER_CLASSES:
        last = value.shape[-1]
        return build.add(name, [value], value.shape, channels=last)
    if name not in FUNCTIONS:
        raise Refused(f"has the activation {name}, which the page does not have")
    return build.add("map", [value], value.shape, f=name, **attributes)


def activation_of(layer):
    """The name of a layer's activation, as Keras writes it."""
    name = keras.activations.serialize(layer.activation)
    if not isinstance(name, str):
        raise Refused("has an activation of its own")
    return name


def affine(build, value, scale, shift):
    """Adds scale * x + shift, for each of the last axis or for all."""
    scale, shift = np.broadcast_arrays(
        np.asarray(scale, np.float64).ravel(), np.asarray(shift, np.float64).ravel()
    )
    if scale.size not in (1, value.shape[-1]):
        raise Refused("normalises over another axis than the last")
    return build.add(
        *("affine", [value], value.shape),
        channels=scale.size,
        scale=build.weight(scale),
        shift=build.weight(shift),
    )


def _batch_normalization(build, layer, inputs, _):
    (x,) = inputs
    if layer.axis not in (-1, len(x.shape)):
        raise Refused("normalises over another axis than the last")
    mean, variance = (
        np.float64(v.numpy()) for v in (layer.moving_mean, layer.moving_variance)
    )
    scale = 1 / np.sqrt(variance + layer.epsilon)
    scale = scale * layer.gamma.numpy() if layer.scale else scale
    shift = layer.beta.numpy() if layer.center else 0.0
    return affine(build, x, scale, shift - mean * scale)


def _normalization(build, layer, inputs, _):
    mean, variance = (
        np.float64(keras.ops.convert_to_numpy(v)) for v in (layer.mean, layer.variance)
    )
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    if layer.invert:
        return affine(build, inputs[0], deviation, mean)
    return affine(build, inputs[0], 1 / deviation, -mean / deviation)


def _rescaling(build, layer, inputs, _):
    return affine(build, inputs[0], layer.scale, layer.offset)


def _relu(build, layer, inputs, _):
    most = math.inf if layer.max_value is None else float(layer.max_value)
    slope, threshold = float(layer.negative_slope), float(layer.threshold)
    if (most, slope, threshold) == (math.inf, 0, 0):
        return function(build, inputs[0], "relu")
    if threshold or (slope and most < math.inf):
        raise Refused("is a ReLU with a threshold, or with a slope and a maximum")
    if slope:
        return function(build, inputs[0], "leaky_relu", a=slope)
    return function(build, inputs[0], "relu6", a=most)


def _leaky_relu(build, layer, inputs, _):
    slope = float(layer.negative_slope)
    return function(build, inputs[0], "leaky_relu", a=slope)


def _elu(build, layer, inputs, _):
    return function(build, inputs[0], "elu", a=float(layer.alpha))


def _activation(build, layer, inputs, _):
    return function(build, inputs[0], activation_of(layer))


def _softmax(build, layer, inputs, _):
    if layer.axis not in (-1, len(inputs[0].shape)):
        raise Refused("is over another axis than the last")
    return function(build, inputs[0], "softmax")


def combine(kind):
    """A function that adds an operation on the elements of values of one shape."""

    def combine(build, layer, inputs, _):
        if len({value.shape for value in inputs}) != 1:
            raise Refused("has inputs of different shapes")
        return build.add(kind, inputs, inputs[0].shape)

    return combine


def _same(build, layer, inputs, _):
    return inputs[0]


LAYERS = {
    kl.BatchNormalization: _batch_normalization,
    kl.Normalization: _normalization,
    kl.Rescaling: _rescaling,
    kl.ReLU: _relu,
    kl.LeakyReLU: _leaky_relu,
    kl.ELU: _elu,
    kl.Activation: _activation,
    kl.Softmax: _softmax,
    kl.Add: combine("add"),
    kl.Average: combine("average"),
    kl.Multiply: combine("multiply"),
    kl.Maximum: combine("maximum"),
    # What does nothing but in training.
    **dict.fromkeys(
        (
            *(kl.InputLayer, kl.Identity, kl.ActivityRegularization),
            *(kl.Dropout, kl.SpatialDropout2D, kl.AlphaDropout),
            *(kl.GaussianNoise, kl.GaussianDropout),
            *(kl.RandomFlip, kl.RandomRotation, kl.RandomTranslation, kl.RandomZoom),
            *(kl.RandomContrast, kl.RandomBrightness),
        ),
        _same,
    ),
}
