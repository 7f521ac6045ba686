"""What the devices that share out a batch have to know of each other."""

from __future__ import annotations

import keras
import tensorflow as tf


def count():
    """How many devices there are."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def share(batch):
    """How much of a batch this device has, times the number of devices; 1 for one.

    Args:
        batch: anything `[share, ...]`.
    """
    if count() == 1:
        return 1.0
    images = tf.cast(tf.shape(keras.tree.flatten(batch)[0])[0], tf.float32)
    return tf.math.divide_no_nan(count() * images, everywhere(images))


def everywhere(amount):
    """The sum of a scalar over all devices."""
    context = tf.distribute.get_replica_context()
    if context is None:
        return amount * count()
    if context.num_replicas_in_sync == 1:
        return amount
    return context.all_reduce(tf.distribute.ReduceOp.SUM, amount)
