"""Collaboration costs (section 2.0.1, equations (1) to (3), and section 5.2).

Each cost compares the logits g1, g2 `[batch, classes]` of two members; sums run over
the classes, then the mean is taken over the batch. For more than two members the cost
is the sum over consecutive pairs (section 5.2). Gradients flow into both members.

The paper's formula (1) has a slip (its second term names f1 twice); section 5.2 has
the symmetric form, which is used here.

Beyond the paper: further costs, a cost of one's own (`register`), a temperature, other
pairs than consecutive ones, and members that are pulled unequally (section 7.3).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

from etils import epy

from collaborative import schedules

with epy.lazy_imports():
    import tensorflow as tf

TOPOLOGIES = {  # pairs of n members, as indices
    "chain": lambda n: list(itertools.pairwise(range(n))),
    "ring": lambda n: [*itertools.pairwise(range(n)), (n - 1, 0)][: math.comb(n, 2)],
    "all": lambda n: list(itertools.combinations(range(n), 2)),
    "star": lambda n: [(0, i) for i in range(1, n)],
}
PAIR_COSTS = ("sum", "mean")
UNLABELED_STEPS = ("mixed", "separate")  # how images without labels come into a step
METHODS = {}
_WITH_TEMPERATURE = set()


def register(name, *, probabilities=False):
    """Makes a function a collaboration cost that `method` can name.

    Args:
        name: of the method, for lists in flags and for directories: letters, digits,
            `_`, `.`, `+` and `-`.
        probabilities: whether the cost looks at the softmax of the logits, which then
            can have a temperature.

    Returns:
        A decorator of functions from two members' logits, float32 `[batch, classes]`
        each, to the cost of each image, `[batch]`.

    Raises:
        ValueError: for a name that is taken or cannot be one.

    Example:
        @register("huber")
        def huber(g1, g2):
            return tf.reduce_sum(tf.keras.losses.huber(g1[..., None], g2[..., None]), 1)
    """

    if not re.fullmatch(r"[\w.+-]+", name):
        raise ValueError(
            f"a method's name must be of letters, digits, _, ., + and -, got {name!r}"
        )

    def add(cost):
        if name == "Single" or METHODS.get(name, cost) is not cost:
            raise ValueError(f"there is a method {name!r} already: choose another name")
        METHODS[name] = cost
        if probabilities:
            _WITH_TEMPERATURE.add(name)
        return cost

    return add


@register("CE", probabilities=True)
def symmetric_cross_entropy(g1, g2):
    """CE: -sum_c (p1_c log p2_c + p2_c log p1_c), with p = softmax(g).

    Args:
        g1, g2: logits `[batch, classes]`.

    Returns:
        Cost of each image, `[batch]`.
    """
    return _cross_entropy(g1, g2) + _cross_entropy(g2, g1)


@register("L2")
def squared_distance(g1, g2):
    """L2: sum_c (g1_c - g2_c)^2; logits `[batch, classes]` to costs `[batch]`."""
    return tf.reduce_sum(tf.math.squared_difference(g1, g2), axis=-1)


@register("L1")
def absolute_distance(g1, g2):
    """L1: sum_c |g1_c - g2_c|; logits `[batch, classes]` to costs `[batch]`."""
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


def check_method(method):
    """Raises ValueError unless `method` is "Single" or names a collaboration cost."""
    if method not in METHODS and method != "Single":
        raise ValueError(
            f"method must be one of {', '.join(METHODS)}, Single, got {method!r}; a "
            "cost of your own is to be registered first (--costs)"
        )


def has_temperature(method):
    """Whether a method compares probabilities, which a temperature can soften."""
    return method in _WITH_TEMPERATURE


@dataclasses.dataclass(frozen=True)
class Collaboration:
    """How the members of an ensemble collaborate; the defaults are the paper's.

    Args:
        method: a name in `METHODS`, or "Single": not at all.
        alpha: the collaboration weight, >= 0.
        temperature: the logits are divided by it and the cost multiplied with its
            square (Hinton et al. 2015); for methods that compare probabilities.
        topology: which pairs of members collaborate: "chain" (consecutive ones), "ring"
            (the last with the first too), "all", or "star" (the first with each).
        pair_cost: "sum" over the pairs, or "mean".
        pull: how far each member is drawn to the others: factors of the gradients of
            the collaboration cost, by member; 0 has it teach only. Empty: 1 each.
        schedule: of alpha over training, see `schedules`.

    Raises:
        ValueError: for a value that cannot be.
    """

    method: str = "L2"
    alpha: float = 0.01
    temperature: float = 1.0
    topology: str = "chain"
    pair_cost: str = "sum"
    pull: tuple[float, ...] = ()
    schedule: str = "constant"

    def __post_init__(self):
        object.__setattr__(self, "pull", tuple(map(float, self.pull)))
        check_method(self.method)
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha must be a finite number >= 0, got {self.alpha}")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if self.temperature != 1 and not has_temperature(self.method):
            names = ", ".join(m for m in METHODS if has_temperature(m))
            raise ValueError(
                f"a temperature softens probabilities, which {self.method} does not "
                f"compare: leave it at 1, or use method {names}"
            )
        for name, allowed in (("topology", TOPOLOGIES), ("pair_cost", PAIR_COSTS)):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {value!r}"
                )
        if not all(math.isfinite(pull) and pull >= 0 for pull in self.pull):
            raise ValueError(f"pull must be numbers >= 0, got {self.pull}")
        schedules.parse(self.schedule)

    def cost(self, logits):
        """Collab of equation (2.2): the sum over the pairs of members.

        Args:
            logits: list of at least two tensors `[batch, classes]`, one a member.

        Returns:
            Scalar: mean over the batch, not yet weighted by alpha.

        Raises:
            ValueError: for fewer than two members, or another number than of `pull`.
        """
        if len(logits) < 2:
            raise ValueError(
                f"collaboration needs at least 2 members, got {len(logits)}"
            )
        if self.pull:
            logits = [_pulled(*pair) for pair in zip(logits, self.pull, strict=True)]
        cost, t = METHODS[self.method], self.temperature
        softened = logits if t == 1 else [g / t for g in logits]
        costs = [
            tf.reduce_mean(cost(softened[i], softened[j]))
            for i, j in TOPOLOGIES[self.topology](len(logits))
        ]
        total = tf.add_n(costs) if t == 1 else t**2 * tf.add_n(costs)
        return total if self.pair_cost == "sum" else total / len(costs)

    def weight(self, progress):
        """alpha at a point of training.

        Args:
            progress: the part of training that is done, a scalar from 0 to 1.
        """
        return self.alpha * schedules.parse(self.schedule)(progress)


def _pulled(g, pull):
    """The logits g, but with gradients times `pull`."""
    return g if pull == 1 else pull * g + (1 - pull) * tf.stop_gradient(g)
