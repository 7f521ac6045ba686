"""The networks that CIFAR is usually learnt with, beside the paper's (`resnet`).

    resnet20, resnet32    He et al. 2016, section 4.2: 3 stages of 16, 32 and 64 filters
                          with 3 or 5 blocks each, shortcuts without weights (option A)
    wrn_16x2              Zagoruyko and Komodakis 2016: depth 16, twice as wide, without
                          dropout; batch normalization first in a block
                          (a name's end _2 would be that of a second equal member)

Both have batch normalizations with scale and offset and convolutions without bias.

Where they deviate, they are as the paper's networks, with which they are compared: raw
images of 0..255 come in, and a batch normalization without scale and offset takes the
place of the usual statistics of the training set. (He et al. subtract each pixel's
mean, Zagoruyko and Komodakis have the mean and deviation of each channel. Here they are
those of a channel in the batch, and moving averages of them in use.) Moments move by a
hundredth a step, in PyTorch by a tenth. Where a stride is 2, "same" pads below and on
the right, PyTorch on all sides.
"""

from __future__ import annotations

import functools

from etils import epy

from collaborative.nn.networks import register_network
from collaborative.system import libraries

with epy.lazy_imports():
    import keras

    from collaborative.nn import residual_layers

STAGES = 3
FILTERS = 16  # of the first convolution


def _model(stages, input_shape, num_classes, name, seed, dtype):
    """A model of normalized images, a convolution, `stages` and the logits.

    Args:
        stages: a function of the `Layers` and the convolved images.
        input_shape, num_classes, name, seed, dtype: as `register_network` says.
    """
    libraries.check_backend()
    layers = residual_layers.Layers(seed, dtype, scale=True)
    inputs = keras.Input(input_shape, name="images")
    x = layers.conv(FILTERS, 3)(layers.normalized_images(inputs))
    logits = layers.logits(stages(layers, x), num_classes)
    return keras.Model(inputs, logits, name=name)


def _resnet(depth, input_shape, num_classes, *, name, seed, dtype):
    """He et al. 2016: depth 6n + 2, n blocks in each stage."""

    def stages(layers, x):
        x = layers.batch_norm_relu(x)
        for stage in range(STAGES):
            for block in range((depth - 2) // 6):
                halves = stage > 0 and block == 0
                x = _post_activated(layers, x, FILTERS * 2**stage, halves)
        return x

    return _model(stages, input_shape, num_classes, name, seed, dtype)


def _post_activated(layers, x, filters, halves):
    """relu(shortcut(x) + BN(conv(relu(BN(conv(x))))))."""
    out = layers.conv(filters, 3, strides=2 if halves else 1)(x)
    out = layers.conv(filters, 3)(layers.batch_norm_relu(out))
    shortcut = layers.halved(x) if halves else x
    return layers.relu(layers.add(shortcut, layers.batch_norm(out)))


def _wide_resnet(depth, width, input_shape, num_classes, *, name, seed, dtype):
    """Zagoruyko and Komodakis 2016: depth 6n + 4, `width` times the filters."""

    def stages(layers, x):
        for stage in range(STAGES):
            for block in range((depth - 4) // 6):
                strides = 2 if stage > 0 and block == 0 else 1
                x = _pre_activated(layers, x, FILTERS * width * 2**stage, strides)
        return layers.batch_norm_relu(x)

    return _model(stages, input_shape, num_classes, name, seed, dtype)


def _pre_activated(layers, x, filters, strides):
    """x + conv(relu(BN(conv(o)))), o = relu(BN(x)); for x conv1x1(o) where wider."""
    activated = layers.batch_norm_relu(x)
    out = layers.conv(filters, 3, strides=strides)(activated)
    out = layers.conv(filters, 3)(layers.batch_norm_relu(out))
    if x.shape[-1] != filters:
        x = layers.conv(filters, 1, strides=strides)(activated)
    return layers.add(x, out)


NETWORKS = {
    "resnet20": functools.partial(_resnet, 20),
    "resnet32": functools.partial(_resnet, 32),
    "wrn_16x2": functools.partial(_wide_resnet, 16, 2),
}
for _name, _build in NETWORKS.items():
    register_network(_name)(_build)
