"""Batches of images: for training in an order that the seed decides, and for measuring.

An epoch is a list of `Keys`, one for each step, and a function makes a step's examples
of its keys: in tf.data's pipeline on the CPU, or within the step, on the device that
holds the images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from collaborative.data import augmentation
from collaborative.data.errors import DatasetChoiceError
from collaborative.data.examples import Examples, Inputs

EVAL_BATCH_SIZE = 250  # any size is as fast
_OF_UNLABELED = 2**32  # sets their seed apart


class Keys(NamedTuple):
    """What the examples of a step are made of, and all that is random in them.

    images: indices of training images, int32 `[batch]`; changes: of these images, see
    `augmentation`, or (); unlabeled: indices of images without labels, int32 `[m]`, or
    such images, uint8 `[m, height, width, channels]`, or ().
    """

    images: Any
    changes: Any = ()
    unlabeled: Any = ()


@dataclasses.dataclass(frozen=True)
class TrainingBatches:
    """The batches of a run, in an order that depends on seed and epoch alone.

    So a run that is resumed at an epoch sees the batches that it would have seen. The
    partial last batch of every epoch is dropped.

    Args:
        examples: the `Examples` to learn.
        batch_size: how many a step takes.
        seed: of the run.
        flip: None leaves the images as they are; else they are shifted, and flipped too
            where it is true, see `augmentation`.
        teacher: logits of a teacher for all examples, float32 `[n, classes]`; where
            images are changed, a function from a batch of them to its logits; or None.
        unlabeled: as of a `datasets.Dataset`.
        unlabeled_size: how many of them a step takes. Each is seen equally often.
        reshuffled: whether each epoch has an order of its own; else all of them have
            the first's, with the same images in each batch.

    Raises:
        DatasetError: the batch size is below 1 or above the number of examples.
    """

    examples: Examples
    batch_size: int
    seed: int
    flip: bool | None = None
    teacher: np.ndarray | Callable | None = None
    unlabeled: np.ndarray | str | None = None
    unlabeled_size: int = 0
    reshuffled: bool = True

    def __post_init__(self):
        count = len(self.examples)
        if not 1 <= self.batch_size <= count:
            raise DatasetChoiceError(
                f"the batch size must be from 1 to the {count:,} training images, "
                f"not {self.batch_size:,}"
            )

    @property
    def steps(self):
        """How many an epoch has."""
        return len(self.examples) // self.batch_size

    def fed(self, first_epoch, epochs):
        """The batches of epochs first_epoch to epochs - 1, gathered on the CPU.

        Returns:
            A finite `tf.data.Dataset` of (images, labels): uint8 `[batch, height,
            width, channels]` and int64 `[batch]`; with `Inputs` in place of the images
            where there is a teacher, or there are images without labels.
        """
        gather = self.gatherer("CPU:0")
        parts = _in_turn(self._keys, first_epoch, epochs, self.steps)
        return _prefetched(_sized(parts.map(gather), len(parts)))

    def blocks(self, first_epoch, epochs, size):
        """The same for a model that gathers the examples by itself (`gatherer`).

        Args:
            size: how many steps a block has; the last one of an epoch is padded.

        Returns:
            A finite `tf.data.Dataset` of (`Keys` of `size` steps, how many are taken).
        """

        def padded(keys):
            count = tf.shape(keys.images)[0]

            def longer(part):
                padding = [[0, size - count], *[[0, 0]] * (len(part.shape) - 1)]
                return tf.ensure_shape(tf.pad(part, padding), [size, *part.shape[1:]])

            return tf.nest.map_structure(longer, keys), count

        def blocks_of(epoch):
            return self._keys(epoch).batch(size).map(padded)

        count = math.ceil(self.steps / size)
        return _prefetched(_in_turn(blocks_of, first_epoch, epochs, count))

    def gatherer(self, device=None):
        """A function from `Keys` to the examples of a step, as `fed` has them.

        Args:
            device: where the images lie, and are gathered; None: TensorFlow's choice.
        """
        images_at = _images_at(self.examples.images, device)
        labels = _placed(self.examples.labels, device)
        taught_at = self._taught(device)
        further_at = self._further(device)

        def gather(keys):
            images = images_at(keys.images)
            if self.flip is not None:
                images = augmentation.augment(images, keys.changes)
            if self.teacher is not None or self.unlabeled is not None:
                taught = taught_at(keys.images, images)
                images = Inputs(images, further_at(keys.unlabeled), taught)
            return images, tf.gather(labels, keys.images)

        return gather

    def _taught(self, device):
        """What makes a teacher's logits of a step's keys and changed images."""
        if self.teacher is None:
            return lambda keys, images: ()
        if callable(self.teacher):
            return lambda keys, images: self.teacher(images)
        logits = _placed(self.teacher, device)
        return lambda keys, images: tf.gather(logits, keys)

    def _further(self, device):
        """What makes a step's images without labels of their keys."""
        if self.unlabeled is None or isinstance(self.unlabeled, str):
            return lambda keys: keys
        return _images_at(self.unlabeled, device)

    def _keys(self, epoch):
        """The `Keys` of the steps of an epoch, a `tf.data.Dataset`."""
        epoch_of_order = epoch if self.reshuffled else tf.zeros_like(epoch)
        order = _shuffled(len(self.examples), self.seed, epoch_of_order)
        kept = order[: self.steps * self.batch_size]
        images = tf.reshape(kept, [self.steps, self.batch_size])
        steps = epoch * self.steps + tf.range(self.steps, dtype=tf.int64)
        further = self._unlabeled_keys(epoch)
        slices = tf.data.Dataset.from_tensor_slices((images, steps, further))
        return slices.map(self._with_what_is_drawn)

    def _with_what_is_drawn(self, images, step, further):
        size, shape = self.batch_size, self.examples.images.shape[1:]
        changes = ()
        if self.flip is not None:
            changes = augmentation.draw((size, *shape), self.seed, step, self.flip)
        if isinstance(self.unlabeled, str):  # noise
            key = _key(self.seed + _OF_UNLABELED, step)
            shape = (self.unlabeled_size, *shape)
            draws = tf.random.stateless_uniform(shape, key, 0, 256, tf.int32)
            further = tf.cast(draws, tf.uint8)
        return Keys(images, changes, further)

    def _unlabeled_keys(self, epoch):
        """As many passes over images without labels as the steps of an epoch need."""
        if self.unlabeled is None or isinstance(self.unlabeled, str):
            return ()
        count, wanted = len(self.unlabeled), self.steps * self.unlabeled_size
        passes = math.ceil(wanted / count)
        shuffles = [
            _shuffled(count, self.seed + _OF_UNLABELED, epoch * passes + i)
            for i in range(passes)
        ]
        kept = tf.concat(shuffles, axis=0)[:wanted]
        return tf.reshape(kept, [self.steps, self.unlabeled_size])


def eval_batches(examples: Examples, batch_size=EVAL_BATCH_SIZE):
    """All examples in order, as (images, labels); the last batch may be smaller.

    Raises:
        DatasetError: the batch size is below 1.
    """
    if batch_size < 1:
        raise DatasetChoiceError(f"the batch size must be 1 or more, not {batch_size}")
    images_at = _images_at(examples.images, "CPU:0")
    labels = _placed(examples.labels, "CPU:0")

    def part(start):
        stop = tf.minimum(start + batch_size, len(examples))
        return images_at(tf.range(start, stop)), labels[start:stop]

    starts = tf.data.Dataset.range(0, len(examples), batch_size)
    return _prefetched(starts.map(part))


def _in_turn(parts_of, first_epoch, epochs, count):
    """The data sets of epochs, each of `count` parts, in one."""
    whole = tf.data.Dataset.range(first_epoch, epochs).flat_map(parts_of)
    return _sized(whole, count * max(0, epochs - first_epoch))


def _sized(dataset, count):
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


def _shuffled(count, seed, epoch):
    """The numbers below `count` in an order that seed and epoch decide."""
    return tf.random.experimental.stateless_shuffle(
        tf.range(count), seed=_key(seed, epoch)
    )


def _key(seed, place):
    """What stateless random operations take for their seed."""
    return tf.stack([tf.constant(seed, tf.int64), place])


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


def _images_at(images, device):
    """A function from indices `[batch]` to the images there, uint8 tensors."""
    if isinstance(images, np.ndarray):
        tensor = _placed(images, device)
        return lambda batch: tf.gather(tensor, batch)

    def read(batch):  # from the disk, see `decoded`
        found = tf.numpy_function(images.__getitem__, [batch], tf.uint8)
        return tf.ensure_shape(found, [*batch.shape, *images.shape[1:]])

    return read


def _placed(array, device):
    # A tensor made of an array holds a second copy of it; the result of an operation on
    # it does not.
    with tf.device(device):
        return tf.identity(array)
