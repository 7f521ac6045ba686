"""How each layer of Keras is said in the operations of `interpreter.js`.

Each function takes the `graph.Builder`, the layer, its input values and what it was
called with, adds operations, and returns the value of the layer's output. What a
function cannot say it refuses with `Refused`, whose text follows the layer's name.
"""

from __future__ import annotations

import numpy as np
from keras import layers as kl

from collaborative.deployment.web import elementwise
from collaborative.deployment.web.elementwise import Refused, activation_of, function


def _channels_last(layer):
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise Refused("has its channels first")


def _window(value, size, strides, padding, dilation=(1, 1)):
    """Attributes of what moves a window over an image, and the output's sides."""
    pads, sides = [], []
    settings = zip(value.shape[:2], size, strides, dilation, strict=True)
    for length, k, stride, d in settings:
        reach = (k - 1) * d + 1
        if padding == "same":
            side = -(-length // stride)
            pads.append(max((side - 1) * stride + reach - length, 0) // 2)
        else:
            side = (length - reach) // stride + 1
            pads.append(0)
        sides.append(side)
    window = {
        "image": list(value.shape),
        "kernel": list(size),
        "strides": list(strides),
        "pad": pads,
        "sides": sides,
    }
    return window, sides


def _convolution(build, layer, inputs, _):
    _channels_last(layer)
    (x,) = inputs
    window, sides = _window(
        x, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )
    # The interpreter multiplies rows: [filters, height, width, channels of a group].
    kernel = np.transpose(layer.kernel.numpy(), (3, 0, 1, 2))
    y = build.add(
        *("conv", [x], (*sides, layer.filters)),
        **window,
        dilation=list(layer.dilation_rate),
        groups=layer.groups,
        filters=layer.filters,
        weights=build.weight(kernel),
        bias=build.weight(layer.bias.numpy()) if layer.use_bias else -1,
    )
    return function(build, y, activation_of(layer))


def _depthwise(build, layer, x, kernel, bias):
    _channels_last(layer)
    if tuple(layer.dilation_rate) != (1, 1):
        raise Refused("is depthwise and dilated")
    window, sides = _window(x, layer.kernel_size, layer.strides, layer.padding)
    multiplier = kernel.shape[3]
    return build.add(
        *("depthwise", [x], (*sides, x.shape[2] * multiplier)),
        **window,
        multiplier=multiplier,
        weights=build.weight(kernel),
        bias=-1 if bias is None else build.weight(bias),
    )


def _depthwise_convolution(build, layer, inputs, _):
    bias = layer.bias.numpy() if layer.use_bias else None
    y = _depthwise(build, layer, inputs[0], layer.kernel.numpy(), bias)
    return function(build, y, activation_of(layer))


def _separable_convolution(build, layer, inputs, _):
    y = _depthwise(build, layer, inputs[0], layer.depthwise_kernel.numpy(), None)
    kernel = layer.pointwise_kernel.numpy()[0, 0]
    bias = layer.bias.numpy() if layer.use_bias else None
    y = _matrix(build, y, kernel, bias)
    return function(build, y, activation_of(layer))


def _matrix(build, x, kernel, bias):
    """The last axis times a matrix `[in, out]`."""
    units = kernel.shape[1]
    return build.add(
        *("dense", [x], (*x.shape[:-1], units)),
        channels=kernel.shape[0],
        filters=units,
        weights=build.weight(kernel.T),
        bias=-1 if bias is None else build.weight(bias),
    )


def _dense(build, layer, inputs, _):
    bias = layer.bias.numpy() if layer.use_bias else None
    y = _matrix(build, inputs[0], layer.kernel.numpy(), bias)
    return function(build, y, activation_of(layer))


def _pool(kind):
    def pool(build, layer, inputs, _):
        _channels_last(layer)
        window, sides = _window(
            inputs[0], layer.pool_size, layer.strides, layer.padding
        )
        return build.add(kind, inputs, (*sides, inputs[0].shape[2]), **window)

    return pool


def _global_pool(kind):
    def pool(build, layer, inputs, _):
        _channels_last(layer)
        height, width, channels = inputs[0].shape
        window = {
            "image": [height, width, channels],
            "kernel": [height, width],
            "strides": [1, 1],
            "pad": [0, 0],
            "sides": [1, 1],
        }
        shape = (1, 1, channels) if layer.keepdims else (channels,)
        return build.add(kind, inputs, shape, **window)

    return pool


def _concatenate(build, layer, inputs, _):
    if layer.axis not in (-1, len(inputs[0].shape)):
        raise Refused("joins over another axis than the last")
    widths = [value.shape[-1] for value in inputs]
    shape = (*inputs[0].shape[:-1], sum(widths))
    return build.add("concatenate", inputs, shape, widths=widths)


def _pad(sign, setting):
    """Zeros added around an image, or its margins taken off."""

    def pad(build, layer, inputs, _):
        _channels_last(layer)
        height, width, channels = inputs[0].shape
        (top, bottom), (left, right) = (
            [sign * int(n) for n in pair] for pair in getattr(layer, setting)
        )
        sides = [height + top + bottom, width + left + right]
        return build.add(
            *("pad", inputs, (*sides, channels)),
            image=[height, width, channels],
            pad=[top, left],
            sides=sides,
        )

    return pad


def _reshape(build, layer, inputs, _):
    _channels_last(layer)
    shape = layer.compute_output_shape((1, *inputs[0].shape))[1:]
    return inputs[0]._replace(shape=tuple(shape))


LAYERS = elementwise.LAYERS | {
    kl.Conv2D: _convolution,
    kl.DepthwiseConv2D: _depthwise_convolution,
    kl.SeparableConv2D: _separable_convolution,
    kl.Dense: _dense,
    kl.AveragePooling2D: _pool("averagePool"),
    kl.MaxPooling2D: _pool("maxPool"),
    kl.GlobalAveragePooling2D: _global_pool("averagePool"),
    kl.GlobalMaxPooling2D: _global_pool("maxPool"),
    kl.Concatenate: _concatenate,
    kl.ZeroPadding2D: _pad(1, "padding"),
    kl.Cropping2D: _pad(-1, "cropping"),
    kl.Flatten: _reshape,
    kl.Reshape: _reshape,
}
