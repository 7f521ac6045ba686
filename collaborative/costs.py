"""Collaboration costs (section 2.0.1, equations (1) to (3)), and their registry.

A pairwise cost compares the logits g1, g2 `[batch, classes]` of two members; sums run
over the classes. `collaboration` sums over the pairs and takes the mean over the batch.

The paper's formula (1) has a slip (its second term names f1 twice); section 5.2 has
the symmetric form, which is used here.

Beyond the paper: further costs, costs that see all members and the labels at once, and
a cost of one's own (`register`).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

from etils import epy

from collaborative.system.registry import Registry

with epy.lazy_imports():
    import tensorflow as tf

METHODS = Registry("method", reserved=("Single",))


@dataclasses.dataclass(frozen=True)
class Method:
    """A collaboration cost, and what it needs.

    cost: of two members' logits where it is `pairwise`, else of all members' logits,
    the labels and the weights of the images, see `register`.
    """

    cost: Callable
    pairwise: bool
    probabilities: bool = False
    labels: bool = False
    signed: bool = False


def register(
    name: str,
    *,
    probabilities: bool = False,
    labels: bool = False,
    signed: bool = False,
) -> Callable[[Callable], Callable]:
    """Makes a function a collaboration cost that `method` can name.

    Args:
        name: of the method, for lists in flags and for directories: letters, digits,
            `_`, `.`, `+` and `-`.
        probabilities: whether a pairwise cost looks at the softmax of the logits, which
            then can have a temperature.
        labels: whether a cost of all members cannot do without labels.
        signed: whether alpha may be negative.

    Returns:
        A decorator of functions to the cost of each image, `[batch]`, from

        - `(g1, g2)`, the logits of two members, float32 `[batch, classes]` each; the
          cost is then summed over the pairs of the topology; or
        - `(logits, labels, weights)`: float32 `[members, batch, classes]`; integers
          `[batch]`, or None for images without labels; float32 `[batch]`, the sample
          weights, which the mean over the batch takes into account anyway.

    Raises:
        ValueError: for a name that is taken or cannot be one, or another signature.

    Example:
        @register("to_the_mean")
        def to_the_mean(logits, labels, weights):
            mean = tf.stop_gradient(tf.reduce_mean(logits, axis=0))
            return tf.reduce_sum((logits - mean) ** 2, axis=[0, 2])
    """

    METHODS.check(name)

    def add(cost):
        METHODS.check(name, cost)
        takes = _taken(cost)
        if takes not in (2, 3) or (probabilities and takes == 3):
            raise ValueError(
                f"the cost {name!r} must take two members' logits (g1, g2), or all "
                f"members' with labels and weights (logits, labels, weights) and no "
                f"temperature; it takes {takes}"
            )
        method = Method(cost, takes == 2, probabilities, labels, signed)
        METHODS.add(name, method, cost)
        return cost

    return add


def _taken(cost):
    """How many tensors a cost takes; a parameter with a value of its own is none."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(cost).parameters.values()
    positional = [p for p in parameters if p.kind in kinds]
    required = sum(p.default is p.empty for p in positional)
    return required if required in (2, 3) else len(positional)


@register("CE", probabilities=True)
def symmetric_cross_entropy(g1, g2):
    """CE, (1) of section 2.0.1: -sum_c (p1_c log p2_c + p2_c log p1_c), p = softmax(g).

    Args:
        g1, g2: logits `[batch, classes]`.

    Returns:
        Cost of each image, `[batch]`.
    """
    return _cross_entropy(g1, g2) + _cross_entropy(g2, g1)


@register("L2")
def squared_distance(g1, g2):
    """L2, (2) of section 2.0.1: sum_c (g1_c - g2_c)^2.

    Args, Returns: as `symmetric_cross_entropy`.
    """
    return tf.reduce_sum(tf.math.squared_difference(g1, g2), axis=-1)


@register("L1")
def absolute_distance(g1, g2):
    """L1, (3) of section 2.0.1: sum_c |g1_c - g2_c|.

    Args, Returns: as `symmetric_cross_entropy`.
    """
    return tf.reduce_sum(tf.abs(g1 - g2), axis=-1)


@register("CE_stop_gradient", probabilities=True)
def fixed_target_cross_entropy(g1, g2):
    """CE as the author's code has it: the probabilities are targets, without gradient.

    Args, Returns: as `symmetric_cross_entropy`.
    """
    return _cross_entropy(tf.stop_gradient(g1), g2) + _cross_entropy(
        tf.stop_gradient(g2), g1
    )


@register("KL", probabilities=True)
def mutual_learning(g1, g2):
    """KL(p2 || p1) + KL(p1 || p2), the first of each a target without gradient.

    Deep mutual learning (Zhang et al. 2018, equation 4). It is `CE_stop_gradient` less
    the entropies of the targets, so that the two train alike.

    Args, Returns: as `symmetric_cross_entropy`.
    """
    entropies = _cross_entropy(g1, g1) + _cross_entropy(g2, g2)
    return fixed_target_cross_entropy(g1, g2) - tf.stop_gradient(entropies)


@register("cosine")
def cosine_distance(g1, g2):
    """1 - cos(g1, g2) of the logits, less their means over the classes.

    The means say nothing (softmax does not see them). Blind to the logits' scale.

    Args, Returns: as `symmetric_cross_entropy`.
    """
    u1, u2 = _direction(g1), _direction(g2)
    return 1 - tf.reduce_sum(u1 * u2, axis=-1)


def _cross_entropy(target, g):
    """-sum_c softmax(target)_c log softmax(g)_c, `[batch]`."""
    return -tf.reduce_sum(tf.nn.softmax(target) * tf.nn.log_softmax(g), axis=-1)


def _direction(g):
    centred = g - tf.reduce_mean(g, axis=-1, keepdims=True)
    return tf.math.l2_normalize(centred, axis=-1, epsilon=1e-6)


@register("ambiguity", signed=True)
def ambiguity(logits, labels, weights):
    """mean_i lse(g_i) - lse(mean_i g_i) >= 0, with lse the log-sum-exp over classes.

    By it the members' mean cross-entropy exceeds that of their averaged logits. Added,
    it is collaboration; with a negative alpha, diversity: with alpha = -n the members'
    costs become n times the ensemble's own (Jeffares et al. 2023 on what that does).

    Args, Returns: as `register` says.
    """
    of_members = tf.reduce_mean(tf.reduce_logsumexp(logits, axis=-1), axis=0)
    return of_members - tf.reduce_logsumexp(tf.reduce_mean(logits, axis=0), axis=-1)


@register("ensemble_KL")
def ensemble_teaches(logits, labels, weights):
    """sum_i KL(p || p_i), p the softmax of the averaged logits, without gradient.

    The ensemble is the teacher of each member, as in KDCL (Guo et al. 2020) and ONE
    (Lan et al. 2018).

    Args, Returns: as `register` says.
    """
    teacher = tf.stop_gradient(tf.reduce_mean(logits, axis=0))
    entropy = _cross_entropy(teacher, teacher)
    return tf.reduce_sum(_cross_entropy(teacher, logits) - entropy, axis=0)


def check_method(method):
    """Raises ValueError unless `method` is "Single" or names a collaboration cost."""
    if method != "Single":
        METHODS.find(method)


def has_temperature(method):
    """Whether a method compares probabilities, which a temperature can soften."""
    return method in METHODS and METHODS[method].probabilities
