"""Random changes of training images that keep their class (section 7.3, 1).

Shifts by whole pixels, up to an eighth of the height and width, what is uncovered being
black; and, where asked for, flips from left to right. What an image gets depends on the
seed and the step alone, so that a resumed run sees what it would have seen.
"""

from __future__ import annotations

import tensorflow as tf

LARGEST_SHIFT = 1 / 8  # of the height and the width


def augment(images, seed, step, flip):
    """Changes a batch of images.

    Args:
        images: uint8 `[batch, height, width, channels]`.
        seed: of the run, an integer.
        step: of the batch in all training, an int64 scalar.
        flip: whether half of the images are flipped.

    Returns:
        Images of the same shape and type.
    """
    shape = tf.shape(images)
    kinds = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 2)
    width_and_height = tf.cast(shape[2:0:-1], tf.float32)
    largest = tf.floor(width_and_height * LARGEST_SHIFT)
    draws = tf.random.stateless_uniform([shape[0], 2], kinds[0], -0.5, 0.5)
    shifts = tf.round(draws * (2 * largest + 1))
    shifts = tf.clip_by_value(shifts, -largest, largest)
    right, down = tf.unstack(tf.cast(shifts, tf.int32), axis=1)
    changed = _shifted(_shifted(images, down, axis=1), right, axis=2)
    if flip:
        draws = tf.random.stateless_uniform([shape[0], 1, 1, 1], kinds[1])
        changed = tf.where(draws < 0.5, tf.reverse(changed, [2]), changed)
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
