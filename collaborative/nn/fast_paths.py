"""Layers and optimizers of Keras, computed by kernels that are faster.

Each has the weights, the arguments and, up to rounding, the results of the class that
it extends, so that one can stand in for the other. `benchmarks/training_step.py`
measures what they gain.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from collaborative.system import environment


@keras.saving.register_keras_serializable(package="collaborative")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of images `[batch, height, width, channels]`.

    Keras computes the moments and the normalisation from primitive operations, each of
    which reads or writes the whole activation. `FusedBatchNormV3` does it in one
    kernel, which oneDNN (CPU) and cuDNN (GPU) speed up further. `axis`, `renorm` stay
    at their defaults; a `synchronized` layer is computed by Keras.
    """

    def call(self, inputs, training=None, mask=None):
        if self.synchronized:
            return super().call(inputs, training=training, mask=mask)
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


@keras.saving.register_keras_serializable(package="collaborative")
class PatchConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose patches do not overlap: strides = kernel size.

    Such a convolution is one matrix product of the patches with the kernel, and oneDNN
    multiplies matrices faster than it convolves with a stride. Without padding, groups,
    dilation and bias; images whose sizes are multiples of the stride, channels last.
    """

    def call(self, inputs):
        rows, columns = self.strides
        _, height, width, channels = inputs.shape
        shape = [-1, rows, width // columns, columns * channels]
        patches = tf.transpose(tf.reshape(inputs, shape), [0, 2, 1, 3])
        patches = tf.reshape(patches, [-1, rows * columns * channels])
        outputs = _product(patches, self.kernel)
        return tf.reshape(outputs, [-1, height // rows, width // columns, self.filters])


@keras.saving.register_keras_serializable(package="collaborative")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, in bfloat16 on a GPU as a product of patches (im2col).

    A step of {ST, M} took 1.95 ms so on an H100, and 2.26 by cuDNN's convolutions; the
    patches take `rows * columns` times the memory of the images. Keras computes those
    that are not padded, have their channels first, or strides, groups or dilation, and
    all of them elsewhere. The class is called as Keras's, since files of weights name
    layers by their classes.
    """

    def call(self, inputs):
        steps = {*self.strides, *self.dilation_rate, self.groups}
        kinds = self.padding, self.data_format
        plain = steps == {1} and kinds == ("same", "channels_last")
        if not (plain and pay_as_patches(inputs.dtype)):
            return super().call(inputs)
        _, height, width, channels = inputs.shape
        rows, columns = self.kernel_size
        around = [[(size - 1) // 2, size // 2] for size in (rows, columns)]
        image = tf.pad(inputs, [[0, 0], *around, [0, 0]])
        shifted = [
            image[:, row : row + height, column : column + width]
            for row in range(rows)
            for column in range(columns)
        ]
        patches = tf.reshape(tf.concat(shifted, -1), [-1, rows * columns * channels])
        outputs = _product(patches, self.kernel)
        if self.use_bias:
            outputs += tf.cast(self.bias, outputs.dtype)
        outputs = tf.reshape(outputs, [-1, height, width, self.filters])
        return self.activation(outputs)


def pay_as_patches(dtype):
    """Whether convolutions of this type are faster as products of patches here."""
    return dtype == tf.bfloat16 and environment.has_gpu()


def _product(patches, kernel):
    """`[places, filters]` from patches `[places, size]` and a convolution's kernel."""
    size, filters = patches.shape[-1], kernel.shape[-1]
    return tf.matmul(
        patches, tf.reshape(tf.cast(kernel, patches.dtype), [size, filters])
    )


class _Fused:
    """An optimizer that updates each variable by one kernel, not by a dozen."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        # With one replica there is nothing to add up. tf.distribute would register a
        # custom gradient for it, for good, which keeps the graph of the step alive.
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return grads_and_vars
        return super()._all_reduce_sum_gradients(grads_and_vars)


@keras.saving.register_keras_serializable(package="collaborative")
class FusedAdam(_Fused, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with one kernel a variable, without `amsgrad`."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


@keras.saving.register_keras_serializable(package="collaborative")
class FusedAdamW(FusedAdam, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with one kernel a variable; kernels alone decay.

    Keras saves an optimizer without what `exclude_from_weight_decay` told it.
    """

    def build(self, variables):
        if not self.built:
            others = [v for v in variables if not is_kernel(v)]
            self.exclude_from_weight_decay(others)
        super().build(variables)


@keras.saving.register_keras_serializable(package="collaborative")
class FusedSGD(_Fused, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with one kernel a variable."""

    def update_step(self, gradient, variable, learning_rate):
        rate = tf.cast(learning_rate, variable.dtype)
        gradient = tf.cast(gradient, variable.dtype)
        if not self.momentum:
            variable.assign_sub(rate * gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


def is_kernel(variable):
    """Whether a weight decays: a layer's kernel, no bias and no offset."""
    return variable.name.endswith("kernel")


# What each of them extends.
STOCK = {
    FusedBatchNormalization: keras.layers.BatchNormalization,
    PatchConv2D: keras.layers.Conv2D,
    Conv2D: keras.layers.Conv2D,
    FusedAdam: keras.optimizers.Adam,
    FusedAdamW: keras.optimizers.AdamW,
    FusedSGD: keras.optimizers.SGD,
}
