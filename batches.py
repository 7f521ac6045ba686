"""Batches of images: for training in an order that the seed decides, and for measuring.

The input pipelines are tf.data's. On a GPU, `index_batches` alone are fed, and the
images stay on the device (`models`).
"""

from __future__ import annotations

import tensorflow as tf

from datasets import DatasetChoiceError, Examples

EVAL_BATCH_SIZE = 250  # any size is as fast


def index_batches(count, batch_size, seed, first_epoch, epochs):
    """Indices of the images of each batch, epochs first_epoch to epochs - 1.

    The order of an epoch depends on the seed and the epoch alone, so that a run that is
    resumed at an epoch sees the batches it would have seen. The partial last batch of
    every epoch is dropped.

    Returns:
        A finite `tf.data.Dataset` of int32 `[batch_size]`.

    Raises:
        DatasetError: the batch size is below 1 or above the number of examples.
    """
    return _prefetched(_index_batches(count, batch_size, seed, first_epoch, epochs))


def train_batches(examples: Examples, batch_size, seed, first_epoch, epochs):
    """The examples of `index_batches`, gathered on the CPU.

    Returns:
        A finite `tf.data.Dataset` of (images, labels): uint8 `[batch_size, height,
        width, channels]` and int64 `[batch_size]`.

    Raises:
        DatasetError: the batch size is below 1 or above the number of examples.
    """
    indices = _index_batches(len(examples), batch_size, seed, first_epoch, epochs)
    images, labels = _tensors(examples)

    def gather(batch):
        return tf.gather(images, batch), tf.gather(labels, batch)

    cardinality = tf.data.experimental.assert_cardinality(len(indices))
    return _prefetched(indices.map(gather).apply(cardinality))


def eval_batches(examples: Examples, batch_size=EVAL_BATCH_SIZE):
    """All examples in order, as (images, labels); the last batch may be smaller.

    Raises:
        DatasetError: the batch size is below 1.
    """
    if batch_size < 1:
        raise DatasetChoiceError(f"the batch size must be 1 or more, not {batch_size}")
    images, labels = _tensors(examples)

    def part(start):
        stop = start + batch_size
        return images[start:stop], labels[start:stop]

    starts = tf.data.Dataset.range(0, len(examples), batch_size)
    return _prefetched(starts.map(part))


def _index_batches(count, batch_size, seed, first_epoch, epochs):
    if not 1 <= batch_size <= count:
        raise DatasetChoiceError(
            f"the batch size must be from 1 to the {count:,} training images, "
            f"not {batch_size:,}"
        )
    steps = count // batch_size

    def indices(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
        )
        kept = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices(kept)

    total = steps * max(0, epochs - first_epoch)
    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(indices)
    return batches.apply(tf.data.experimental.assert_cardinality(total))


def _prefetched(batches):
    """Prepares the next batches while one is computed on.

    Without tf.data's autotuning: the end of an iterator waits for the tuner to wake,
    which in TensorFlow 2.21 happens 5.1, 10.2, 20.5 ... seconds after its start, so
    that an evaluation of 3 seconds takes 5 (benchmarks/overhead.py shows it).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def _tensors(examples):
    # A tensor made of an array holds a second copy of it; the result of an operation on
    # it does not. On the CPU, since that is where tf.data works.
    with tf.device("CPU:0"):
        return tf.identity(examples.images), tf.identity(examples.labels)
