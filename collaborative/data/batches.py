"""Batches of images: for training in an order that the seed decides, and for measuring.

The input pipelines are tf.data's. On a GPU, `index_batches` alone are fed, and the
images stay on the device (`models`).
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from collaborative.data import augmentation
from collaborative.data.errors import DatasetChoiceError
from collaborative.data.examples import Examples, Inputs

EVAL_BATCH_SIZE = 250  # any size is as fast
_OF_UNLABELED = 2**32  # sets their seed apart


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
    images_at, labels = _gatherer(examples.images), _on_cpu(examples.labels)

    def gather(batch):
        return images_at(batch), tf.gather(labels, batch)

    cardinality = tf.data.experimental.assert_cardinality(len(indices))
    return _prefetched(indices.map(gather).apply(cardinality))


def extended_batches(
    examples: Examples, batch_size, seed, first_epoch, epochs, *,
    flip=None, teacher=None, unlabeled=None, unlabeled_size=0,
):  # fmt: skip
    """As `train_batches`, with what goes beyond the paper.

    Args:
        flip: None leaves the images as they are; else they are shifted, and flipped too
            where it is true, see `augmentation`.
        teacher: logits of a teacher for all examples, float32 `[n, classes]`, or None.
        unlabeled: as of a `datasets.Dataset`.
        unlabeled_size: how many of them a step takes. Each is seen equally often.

    Returns:
        A finite `tf.data.Dataset` of (`Inputs`, labels).

    Raises:
        DatasetError: as `train_batches`.
    """
    order = (seed, first_epoch, epochs)
    indices = _index_batches(len(examples), batch_size, *order)
    steps = len(examples) // batch_size
    images_at, labels = _gatherer(examples.images), _on_cpu(examples.labels)
    teacher = () if teacher is None else _on_cpu(teacher)
    streams = [indices, tf.data.Dataset.range(first_epoch * steps, epochs * steps)]
    if isinstance(unlabeled, str):
        shape = (unlabeled_size, *examples.images.shape[1:])
        streams.append(_noise_batches(shape, steps, *order))
    elif unlabeled is not None:
        streams.append(_unlabeled_batches(unlabeled, unlabeled_size, steps, *order))

    def gather(batch, step, further=()):
        chosen = images_at(batch)
        if flip is not None:
            chosen = augmentation.augment(chosen, seed, step, flip)
        taught = () if isinstance(teacher, tuple) else tf.gather(teacher, batch)
        return Inputs(chosen, further, taught), tf.gather(labels, batch)

    cardinality = tf.data.experimental.assert_cardinality(len(indices))
    return _prefetched(tf.data.Dataset.zip(*streams).map(gather).apply(cardinality))


def eval_batches(examples: Examples, batch_size=EVAL_BATCH_SIZE):
    """All examples in order, as (images, labels); the last batch may be smaller.

    Raises:
        DatasetError: the batch size is below 1.
    """
    if batch_size < 1:
        raise DatasetChoiceError(f"the batch size must be 1 or more, not {batch_size}")
    images_at, labels = _gatherer(examples.images), _on_cpu(examples.labels)

    def part(start):
        stop = tf.minimum(start + batch_size, len(examples))
        return images_at(tf.range(start, stop)), labels[start:stop]

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
        order = _shuffled(count, seed, epoch)
        kept = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices(kept)

    total = steps * max(0, epochs - first_epoch)
    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(indices)
    return batches.apply(tf.data.experimental.assert_cardinality(total))


def _shuffled(count, seed, epoch):
    """The numbers below `count` in an order that seed and epoch decide."""
    return tf.random.experimental.stateless_shuffle(
        tf.range(count), seed=_key(seed, epoch)
    )


def _key(seed, place):
    """What stateless random operations take for their seed."""
    return tf.stack([tf.constant(seed, tf.int64), place])


def _noise_batches(shape, steps, seed, first_epoch, epochs):
    def noise(step):
        key = _key(seed + _OF_UNLABELED, step)
        draws = tf.random.stateless_uniform(shape, key, 0, 256, tf.int32)
        return tf.cast(draws, tf.uint8)

    return tf.data.Dataset.range(first_epoch * steps, epochs * steps).map(noise)


def _unlabeled_batches(images, size, steps, seed, first_epoch, epochs):
    """Images without labels: as many passes over them in an epoch as its steps need."""
    count = len(images)
    passes = math.ceil(steps * size / count)
    images_at = _gatherer(images)

    def indices(epoch):
        shuffles = [
            _shuffled(count, seed + _OF_UNLABELED, epoch * passes + i)
            for i in range(passes)
        ]
        kept = tf.concat(shuffles, axis=0)[: steps * size]
        return tf.data.Dataset.from_tensor_slices(tf.reshape(kept, [steps, size]))

    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(indices)
    return batches.map(images_at)


def _prefetched(batches):
    """Prepares the next batches while one is computed on.

    Without tf.data's autotuning: the end of an iterator waits for the tuner to wake,
    which in TensorFlow 2.21 happens 5.1, 10.2, 20.5 ... seconds after its start, so
    that an evaluation of 3 seconds takes 5 (benchmarks/overhead.py shows it). Without
    its rewriting of the pipeline: that writes each tensor which a map takes into a
    graph, so that every iterator holds a copy of all images for good.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return batches.prefetch(2).with_options(options)


def _gatherer(images):
    """A function from indices `[batch]` to the images there, uint8 tensors."""
    if isinstance(images, np.ndarray):
        tensor = _on_cpu(images)
        return lambda batch: tf.gather(tensor, batch)

    def read(batch):  # from the disk, see `decoded`
        found = tf.numpy_function(images.__getitem__, [batch], tf.uint8)
        return tf.ensure_shape(found, [*batch.shape, *images.shape[1:]])

    return read


def _on_cpu(array):
    # A tensor made of an array holds a second copy of it; the result of an operation on
    # it does not. On the CPU, since that is where tf.data works.
    with tf.device("CPU:0"):
        return tf.identity(array)
