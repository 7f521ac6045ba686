"""The layers that residual networks are made of, in the kernels that are fast here."""

from __future__ import annotations

import random

import keras
import tensorflow as tf

from collaborative.nn import fast_paths

_CHANNELS_LAST = "channels_last"  # as our images are, whatever Keras is set to


class Layers:
    """The layers of one network, with its dtype policy and its stream of seeds.

    Args:
        seed: integer from which all initial weights derive, or None to draw them from
            Keras's global generator.
        dtype: Keras dtype policy of the layers but the last, which is float32.
        scale: whether batch normalizations that have an offset have a scale too.
    """

    def __init__(self, seed, dtype, scale=False):
        self._seeds = None if seed is None else random.Random(seed)
        self._dtype = dtype
        self._scale = scale

    def _he(self):
        seed = None if self._seeds is None else self._seeds.randrange(2**31)
        return keras.initializers.HeNormal(seed=seed)

    def conv(self, filters, kernel_size, strides=1, padding="same", use_bias=False):
        """A convolution, to be called; with He initialisation."""
        apart = strides == kernel_size and padding == "valid"
        layer = fast_paths.PatchConv2D if apart else fast_paths.Conv2D
        return layer(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            use_bias=use_bias,
            data_format=_CHANNELS_LAST,
            kernel_initializer=self._he(),
            dtype=self._dtype,
        )

    def normalized_images(self, images):
        """Batch normalization without scale and offset, of raw images."""
        return self.batch_norm(images, learns=False)

    def batch_norm(self, x, learns=True):
        """Batch normalization of x; without scale and offset if it learns nothing."""
        return fast_paths.FusedBatchNormalization(
            momentum=0.99,
            epsilon=1e-3,
            center=learns,
            scale=learns and self._scale,
            synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,
            dtype=self._norm_dtype(x),
        )(x)

    def batch_norm_relu(self, x):
        """relu(BN(x))."""
        return self.relu(self.batch_norm(x))

    def relu(self, x):
        """relu(x)."""
        return keras.layers.ReLU(dtype=self._norm_dtype(x))(x)

    def _norm_dtype(self, x):
        """oneDNN has fast bfloat16 norms for multiples of 16 channels only."""
        slow = self._dtype == "mixed_bfloat16" and x.shape[-1] % 16
        return "float32" if slow else self._dtype

    def add(self, x, y):
        """x + y."""
        return keras.layers.Add(dtype=self._dtype)([x, y])

    def halved(self, x):
        """Every other row and column of x, and as many maps of zeros: no weights."""
        kept = keras.layers.MaxPooling2D(
            1, strides=2, data_format=_CHANNELS_LAST, dtype=self._dtype
        )(x)
        zeros = keras.layers.Rescaling(0.0, dtype=self._dtype)(kept)
        return keras.layers.Concatenate(dtype=self._dtype)([kept, zeros])

    def logits(self, x, units):
        """Global average pooling and a linear map, in float32."""
        x = keras.layers.GlobalAveragePooling2D(_CHANNELS_LAST, dtype=self._dtype)(x)
        return keras.layers.Dense(
            units, kernel_initializer=self._he(), dtype="float32", name="logits"
        )(x)
