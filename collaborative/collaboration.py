"""How the members of an ensemble collaborate (section 5.2, equation (2.2)).

The cost of a pair of members (`costs`) is the mean over the batch. For more than two
members the cost is the sum over consecutive pairs. Gradients flow into both members.

Beyond the paper: other pairs than consecutive ones, a temperature, members that are
pulled unequally, a weight that changes over training (section 7.3), and costs that see
all members at once.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable

from etils import epy

from collaborative import schedules
from collaborative.costs import METHODS, check_method, has_temperature
from collaborative.system.errors import UserError
from collaborative.system.registry import Registry

with epy.lazy_imports():
    import tensorflow as tf

TOPOLOGIES = Registry("topology")  # from a number of members to pairs of their indices
PAIR_COSTS = ("sum", "mean")
UNLABELED_STEPS = ("mixed", "separate")  # how images without labels come into a step


class UnusableCost(UserError, ValueError):
    """A method whose function gives no cost for each image; the message is one line."""


def register_topology(name: str) -> Callable[[Callable], Callable]:
    """Makes a function a topology: from a number of members to pairs of their indices.

    Raises:
        ValueError: for a name that is taken or cannot be one.
    """

    def add(pairs):
        TOPOLOGIES.add(name, pairs)
        return pairs

    return add


@register_topology("chain")
def chain(n):
    """Consecutive members, as in the paper (section 5.2)."""
    return list(itertools.pairwise(range(n)))


@register_topology("ring")
def ring(n):
    """As `chain`, and the last member with the first."""
    return [*itertools.pairwise(range(n)), (n - 1, 0)][: math.comb(n, 2)]


@register_topology("all")
def all_pairs(n):
    """Each member with each other one."""
    return list(itertools.combinations(range(n), 2))


@register_topology("star")
def star(n):
    """The first member with each other one."""
    return [(0, i) for i in range(1, n)]


def number(value):
    """A value as a float; NaN, which is within no bounds, for what is no number."""
    try:
        return math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return math.nan


@dataclasses.dataclass(frozen=True)
class Collaboration:
    """How the members of an ensemble collaborate; the defaults are the paper's.

    Args:
        method: a name in `METHODS`, or "Single": not at all.
        alpha: the collaboration weight, >= 0; a `signed` method's may be negative.
        temperature: the logits are divided by it and the cost multiplied with its
            square (Hinton et al. 2015); for methods that compare probabilities.
        topology: which pairs of members collaborate: "chain" (consecutive ones), "ring"
            (the last with the first too), "all", "star" (the first with each), or one
            of one's own (`register_topology`). It, `pair_cost`, `temperature` and
            `pull` are for pairwise costs.
        pair_cost: "sum" over the pairs, or "mean".
        pull: how far each member is drawn to the others: factors of the gradients of
            the collaboration cost, by member; 0 has it teach only. Empty: 1 each.
        schedule: of alpha over training: a name, see `schedules`, or a callable from
            the number of updates that are done to a factor, such as a
            `keras.optimizers.schedules.LearningRateSchedule`.
        weighted: whether weights of images weigh them here too; False: all images
            collaborate alike, those of weight 0 among them.

    Raises:
        ValueError: for a value that cannot be.
    """

    method: str = "L2"
    alpha: float = 0.01
    temperature: float = 1.0
    topology: str = "chain"
    pair_cost: str = "sum"
    pull: tuple[float, ...] = ()
    schedule: str | Callable = "constant"
    weighted: bool = True

    def __post_init__(self):
        check_method(self.method)
        self._check_alpha()
        self._check_temperature()
        self._check_pull()
        object.__setattr__(self, "pull", tuple(map(float, self.pull)))
        object.__setattr__(self, "alpha", float(self.alpha))
        TOPOLOGIES.find(self.topology)
        if self.pair_cost not in PAIR_COSTS:
            raise ValueError(
                f"pair_cost must be one of {', '.join(PAIR_COSTS)}, "
                f"got {self.pair_cost!r}"
            )
        self._check_pairwise()
        if not callable(self.schedule):
            schedules.parse(self.schedule)

    def _check_alpha(self):
        signed = self.method in METHODS and METHODS[self.method].signed
        least = -math.inf if signed else 0
        alpha = number(self.alpha)
        if not (math.isfinite(alpha) and alpha >= least):
            wanted = "a finite number" + " >= 0" * (not signed)
            raise ValueError(f"alpha must be {wanted}, got {self.alpha!r}")

    def _check_pull(self):
        if not isinstance(self.pull, Iterable) or not all(
            0 <= number(factor) < math.inf for factor in self.pull
        ):
            raise ValueError(
                f"pull must be numbers >= 0, one for each member, got {self.pull!r}"
            )

    def _check_temperature(self):
        if not 0 < number(self.temperature) < math.inf:
            raise ValueError(f"temperature must be above 0, got {self.temperature!r}")
        if self.temperature != 1 and not has_temperature(self.method):
            names = ", ".join(m for m in METHODS if has_temperature(m))
            raise ValueError(
                f"a temperature softens probabilities, which {self.method} does not "
                f"compare: leave it at 1, or use method {names}"
            )

    def _check_pairwise(self):
        """Topology, pair_cost and pull are of pairs of members."""
        if self.method == "Single" or METHODS[self.method].pairwise:
            return
        for name in ("topology", "pair_cost", "pull"):
            if getattr(self, name) != Collaboration.__dataclass_fields__[name].default:
                raise ValueError(
                    f"{name} says how pairs of members collaborate, and method "
                    f"{self.method} sees all members at once: leave {name} out"
                )

    def cost(self, logits, labels=None, weights=None):
        """Collab of equation (2.2): the sum over the pairs of members.

        Args:
            logits: list of at least two tensors `[batch, classes]`, one a member.
            labels: integers `[batch]`, or None for images without labels.
            weights: of the images, `[batch]`; None: all 1. See `weighted`.

        Returns:
            Scalar: mean over the batch, not yet weighted by alpha.

        Raises:
            ValueError: for fewer than two members, another number than of `pull`, or
                no labels where the method needs them, or what it gives is no cost for
                each image.
        """
        if len(logits) < 2:
            raise ValueError(
                f"collaboration needs at least 2 members, got {len(logits)}"
            )
        method = METHODS[self.method]
        weights = weights if self.weighted else None
        if method.pairwise:
            return self._pairwise_cost(method.cost, logits, weights)
        if method.labels and labels is None:
            raise ValueError(
                f"method {self.method} needs labels, and these images have none: leave "
                "the unlabeled ones out, or choose another method"
            )
        stacked = tf.stack(logits)
        given = tf.ones_like(stacked[0, :, 0]) if weights is None else weights
        costs = method.cost(stacked, labels, given)
        return self._mean(costs, weights, stacked.dtype)

    def _pairwise_cost(self, cost, logits, weights):
        if self.pull:
            logits = [_pulled(*pair) for pair in zip(logits, self.pull, strict=True)]
        t = self.temperature
        softened = logits if t == 1 else [g / t for g in logits]
        costs = [
            self._mean(cost(softened[i], softened[j]), weights, logits[0].dtype)
            for i, j in TOPOLOGIES[self.topology](len(logits))
        ]
        total = tf.add_n(costs) if t == 1 else t**2 * tf.add_n(costs)
        return total if self.pair_cost == "sum" else total / len(costs)

    def _mean(self, costs, weights, dtype):
        """Over the batch, each image by its weight; without weights the plain mean."""
        shape = getattr(costs, "shape", None)
        if shape is None or tf.TensorShape(shape).rank not in (None, 1):
            found = repr(costs) if shape is None else f"the shape {list(shape)}"
            raise UnusableCost(
                f"method {self.method} must give a cost for each image, [batch], got "
                f"{found}: sum over the classes alone"
            )
        costs = tf.cast(costs, dtype)
        return batch_mean(costs if weights is None else costs * weights)

    @property
    def is_scheduled(self):
        """Whether alpha changes over training."""
        return self.schedule != "constant"

    def weight(self, step, steps=None):
        """alpha at a point of training.

        Args:
            step: how many updates of the weights are done, a scalar.
            steps: how many there are in all; a schedule that is a callable does
                without.
        """
        if callable(self.schedule):
            return self.alpha * tf.cast(self.schedule(step), tf.float32)
        done = schedules.part_done(step, steps)
        return self.alpha * schedules.parse(self.schedule)(done)


def batch_mean(values):
    """Mean over the last axis, the batch.

    Where several devices share a batch, a share may be empty; its mean counts as 0.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return tf.reduce_mean(values, axis=-1)
    count = tf.cast(tf.shape(values)[-1], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values, axis=-1), count)


def _pulled(g, pull):
    """The logits g, but with gradients times `pull`."""
    return g if pull == 1 else pull * g + (1 - pull) * tf.stop_gradient(g)
