"""Batch normalization by TensorFlow's fused kernel.

Keras computes the moments and the normalisation from primitive operations, each of
which reads or writes the whole activation. `FusedBatchNormV3` does it in one kernel,
which oneDNN (CPU) and cuDNN (GPU) speed up further. Weights and results are those of
`keras.layers.BatchNormalization`, so that one layer can stand in for the other.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="collaborative")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of images `[batch, height, width, channels]`.

    Has the same weights. Arguments are the same too, but for `axis`, `renorm` and
    `synchronized`, which stay at their defaults.
    """

    def call(self, inputs, training=None, mask=None):
        channels = self.moving_mean.shape
        scale = self.gamma if self.scale else tf.ones(channels)
        offset = self.beta if self.center else tf.zeros(channels)
        training = bool(training) and self.trainable
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(scale),
            tf.convert_to_tensor(offset),
            mean=None if training else tf.convert_to_tensor(self.moving_mean),
            variance=None if training else tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # The kernel's variance is the unbiased one, Keras keeps the biased one.
            count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance * ((count - 1) / count))
        return outputs

    def _update(self, moving, value):
        moving.assign(moving * self.momentum + value * (1 - self.momentum))
