"""Collaboration costs (section 2.0.1, equations (1) to (3), and section 5.2).

Each cost compares the logits g1, g2 `[batch, classes]` of two members; sums run over
the classes, then the mean is taken over the batch. For more than two members the cost
is the sum over consecutive pairs (section 5.2). Gradients flow into both members.

The paper's formula (1) has a slip (its second term names f1 twice); section 5.2 has
the symmetric form, which is used here.
"""

from __future__ import annotations

import itertools

from etils import epy

with epy.lazy_imports():
    import tensorflow as tf


def symmetric_cross_entropy(g1, g2):
    """CE: -sum_c (p1_c log p2_c + p2_c log p1_c), with p = softmax(g).

    Args:
        g1, g2: logits `[batch, classes]`.

    Returns:
        Cost of each image, `[batch]`.
    """
    log_p1, log_p2 = tf.nn.log_softmax(g1), tf.nn.log_softmax(g2)
    p1, p2 = tf.nn.softmax(g1), tf.nn.softmax(g2)
    return -tf.reduce_sum(p1 * log_p2 + p2 * log_p1, axis=-1)


def squared_distance(g1, g2):
    """L2: sum_c (g1_c - g2_c)^2; logits `[batch, classes]` to costs `[batch]`."""
    return tf.reduce_sum(tf.math.squared_difference(g1, g2), axis=-1)


def absolute_distance(g1, g2):
    """L1: sum_c |g1_c - g2_c|; logits `[batch, classes]` to costs `[batch]`."""
    return tf.reduce_sum(tf.abs(g1 - g2), axis=-1)


METHODS = {
    "CE": symmetric_cross_entropy,
    "L2": squared_distance,
    "L1": absolute_distance,
}


def check_method(method):
    """Raises ValueError unless `method` names a collaboration cost."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def collaboration_cost(logits, method):
    """Collab of equation (2.2): the sum over consecutive pairs of members.

    Args:
        logits: list of at least two tensors `[batch, classes]`, one a member, in order.
        method: "CE", "L2" or "L1".

    Returns:
        Scalar: mean over the batch, not yet weighted by alpha.

    Raises:
        ValueError: for an unknown method or fewer than two members.
    """
    check_method(method)
    if len(logits) < 2:
        raise ValueError(f"collaboration needs at least 2 members, got {len(logits)}")
    pairs = itertools.pairwise(logits)
    return tf.add_n([tf.reduce_mean(METHODS[method](g1, g2)) for g1, g2 in pairs])
