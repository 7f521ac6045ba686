"""Each operation of a page, run in Node, beside the layer of Keras that it is."""

import keras
import pytest
from keras import layers as kl
from models_in_node import SHAPE, built, compare, conv, needs_node

from collaborative.deployment.web import elementwise


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
