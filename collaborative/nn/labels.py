"""Labels and weights of images as they are given, and what is wrong with them."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import tensorflow as tf

_NO_INTEGER, _SEVERAL = -(2**31), 1 - 2**31
_NO_NUMBERS = (
    "images, labels and weights must be numbers, got text: number the classes from 0, "
    "and give each image the number of its class"
)
_NOT_WHOLE = (
    "labels must be integers, or floats that are whole, got others: give each image "
    "the number of its class"
)
_TEXT = re.compile(r"Invalid dtype: (str|bytes|<U)")
_WEIGHTS = "sample_weight must be a number for each image, [batch], got"
_OUTSIDE = re.compile(r"label value of (-?\d+) which is outside .* \[0, (\d+)\)")


def are_distributions(y, classes):
    """Whether labels are distributions `[batch, classes]`: a bool or a tensor.

    A tensor where a trace does not know their shape, as when Keras first gave it
    integers `[batch]` and then `[batch, 1]`, or with a generator of theirs.

    Args:
        y, classes: as for `class_labels`.

    Raises:
        ValueError: for labels that are neither.
    """
    shape = tf.TensorShape(y.shape)
    if shape.rank is None or (shape.rank == 2 and shape[-1] is None):
        return tf.logical_and(tf.rank(y) == 2, tf.shape(y)[-1] == classes)
    per_image = shape[1:].num_elements()
    if per_image not in (None, 1) and shape.as_list()[1:] != [classes]:
        raise ValueError(_wanted(classes, shape.as_list()))
    return shape.rank == 2 and shape[-1] == classes


def _wanted(classes, found):
    return (
        f"labels must be integers [batch] or distributions [batch, {classes}], since "
        f"the members have {classes} classes, got {found}"
    )


def class_labels(y, classes):
    """Labels as integers, int64 `[batch]`.

    Args:
        y: integers `[batch]` or `[batch, 1]`, or distributions `[batch, classes]`, of
            which the likeliest class counts.
        classes: how many there are.
    """
    distributions = are_distributions(y, classes)
    if tf.is_tensor(distributions):
        columns = tf.reshape(y, [tf.shape(y)[0], -1])
        likeliest, first = tf.argmax(columns, axis=-1), _integers(columns[:, 0])
        is_one = tf.shape(columns)[1] == 1  # else it is no class, which is found later
        first = tf.where(is_one, first, _SEVERAL)
        return tf.where(distributions, likeliest, first)
    if distributions:
        return tf.argmax(y, axis=-1)
    return tf.reshape(_integers(y), [-1])


def _integers(labels):
    """Labels as int64; what is no whole number is no class, which is found later."""
    labels = tf.convert_to_tensor(labels)
    if labels.dtype == tf.string:
        raise ValueError(_NO_NUMBERS)
    whole = tf.cast(labels, tf.int64)
    if not labels.dtype.is_floating:
        return whole
    return tf.where(tf.cast(whole, labels.dtype) == labels, whole, _NO_INTEGER)


def image_weights(weights, dtype):
    """Weights of the images, `[batch]`; None where there are none.

    Args:
        weights: None, `[batch]` or `[batch, 1]`.
        dtype: to have them in.

    Raises:
        ValueError: for more than one weight of an image.
    """
    if weights is None:
        return None
    shape = tf.TensorShape(weights.shape)
    if shape.rank is not None and shape[1:].num_elements() not in (None, 1):
        raise ValueError(f"{_WEIGHTS} {shape.as_list()}")
    flat = tf.reshape(tf.cast(weights, dtype), [-1])
    if shape.rank is not None and shape[1:].num_elements() == 1:
        return flat
    # A trace that has seen [batch] and [batch, 1] does not know the rest.
    check = tf.debugging.assert_equal(tf.size(flat), tf.shape(weights)[0], _WEIGHTS)
    with tf.control_dependencies([check]):
        return tf.identity(flat)


@contextlib.contextmanager
def checked_labels(model, args, kwargs):
    """Within the block, a label that is no class is a ValueError of one line.

    Of arrays all labels are looked at before, unless steps are overridden or it is not
    known yet what members return. Others are found by Keras or `class_labels` where
    they are text, and by TensorFlow on a processor where they are other numbers; by
    XLA, which is Keras's default on a GPU, costs become NaN.

    Args:
        model: what is called in the block. It can be called again after any error:
            Keras keeps a step whose trace failed, and TensorFlow traces it no second
            time.
        args, kwargs: what it is called with, images and labels first.
    """
    classes = (getattr(model.members[0], "output_shape", None) or [None])[-1]
    if classes and not _has_own_steps(model):
        for y in _given(args, kwargs):
            if hasattr(y, "__array__"):
                _check(np.asarray(y), classes)
    try:
        yield
    except Exception as error:
        model.train_function = model.test_function = None
        said = _in_one_line(error)
        if not said:
            raise
        raise ValueError(said) from None


def _given(args, kwargs):
    """The labels that a call is given as such, those of validation images too."""
    held_out = kwargs.get("validation_data")
    pairs = [args, held_out] if isinstance(held_out, (tuple, list)) else [args]
    return [kwargs.get("y"), *(pair[1] for pair in pairs if len(pair) > 1)]


def _has_own_steps(model):
    """Whether steps of somebody else's may make other labels of the given ones."""
    steps = type(model).train_step, type(model).test_step
    return any(step.__module__ != f"{__package__}.steps" for step in steps)


def _check(y, classes):
    """Refuses labels in an array that are no classes; what is no number passes."""
    if y.dtype.kind not in "iuf" or not y.size or are_distributions(y, classes):
        return
    if (y != np.floor(y)).any():
        raise ValueError(_NOT_WHOLE)
    for label in (y.min(), y.max()):
        if not 0 <= label < classes:
            raise ValueError(_no_class(f"{label:.0f}", classes))


def _in_one_line(error):
    """What is wrong with labels or weights, by what Keras or TensorFlow says; or ""."""
    if isinstance(error, ValueError):
        return _NO_NUMBERS if _TEXT.search(str(error)) else ""
    if not isinstance(error, tf.errors.InvalidArgumentError):
        return ""
    if _WEIGHTS in str(error):
        return f"{_WEIGHTS} several"
    found = _OUTSIDE.search(str(error))
    if not found:
        return ""
    label, classes = map(int, found.groups())
    if label == _NO_INTEGER:
        return _NOT_WHOLE
    if label == _SEVERAL:
        return _wanted(classes, "another number for each image")
    return _no_class(label, classes)


def _no_class(label, classes):
    return (
        f"labels must be from 0 to {classes - 1}, since the members have {classes} "
        f"classes, got {label}: number the classes from 0, or give the members more"
    )
