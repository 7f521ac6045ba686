"""Random changes of training images that keep their class (section 7.3, 1).

Shifts by whole pixels, up to an eighth of the height and width, what is uncovered being
black; and, where asked for, flips from left to right. What an image gets depends on the
seed and the step alone, so that a resumed run sees what it would have seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

LARGEST_SHIFT = 1 / 8  # of the height and the width


class Changes(NamedTuple):
    """What happens to each image of a batch.

    shifts: pixels to the right and down, int32 `[batch, 2]`; flips: whether it is
    flipped, bool `[batch]`, or ().
    """

    shifts: Any
    flips: Any = ()


def draw(shape, seed, step, flip):
    """Draws the `Changes` of a batch.

    Not within XLA, which makes other numbers of the same seed (TensorFlow 2.21).

    Args:
        shape: of the images, (batch, height, width, channels).
        seed: of the run, an integer.
        step: of the batch in all training, an int64 scalar.
        flip: whether half of the images are flipped.
    """
    batch, height, width, _ = shape
    kinds = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 2)
    largest = tf.floor(tf.constant([width, height], tf.float32) * LARGEST_SHIFT)
    draws = tf.random.stateless_uniform([batch, 2], kinds[0], -0.5, 0.5)
    shifts = tf.round(draws * (2 * largest + 1))
    shifts = tf.cast(tf.clip_by_value(shifts, -largest, largest), tf.int32)
    if not flip:
        return Changes(shifts)
    return Changes(shifts, tf.random.stateless_uniform([batch], kinds[1]) < 0.5)


def augment(images, changes):
    """Changes a batch of images.

    Args:
        images: uint8 `[batch, height, width, channels]`.
        changes: `Changes` that were drawn for it.

    Returns:
        Images of the same shape and type.
    """
    right, down = tf.unstack(changes.shifts, axis=1)
    changed = _shifted(_shifted(images, down, axis=1), right, axis=2)
    if not isinstance(changes.flips, tuple):
        flips = changes.flips[:, None, None, None]
        changed = tf.where(flips, tf.reverse(changed, [2]), changed)
    return tf.ensure_shape(changed, images.shape)


def _shifted(images, by, axis):
    """Each image moved along an axis by its number of pixels, black where uncovered."""
    size = tf.shape(images)[axis]
    sources = tf.range(size)[None] - by[:, None]
    moved = tf.gather(
        images, tf.clip_by_value(sources, 0, size - 1), axis=axis, batch_dims=1
    )
    covered = (sources >= 0) & (sources < size)
    covered = tf.expand_dims(covered, -1 if axis == 1 else 1)[..., None]
    return tf.where(covered, moved, tf.zeros([], images.dtype))
