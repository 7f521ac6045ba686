"""`SingleModel` and `EnsembleModel`: training with a collaboration cost (section 2).

What a training step minimises (equations (2.1) and (2.2), with the weight decay of
section 5.2; Keras calls it the loss):

    total = sum_i CE(y, softmax(g_i)) + alpha * Collab(g)
            + sum_i weight_decay_i * ||kernels_i||^2 / 2

where g_i are the logits of member i. What a member adds with `add_loss` or with
regularizers of its own is added too. The ensemble predicts with the mean of its
members' logits, as the paper's tables do, or with the mean of their probabilities.

Beyond the paper (section 7.3): collaboration on images without labels,

    total + unlabeled_weight * alpha * Collab(g(unlabeled images)),

and a single network that collaborates with the recorded logits of a teacher, which is
distillation (section 2.0.1; Hinton et al. 2015).
"""

from __future__ import annotations

import functools
import math
import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import collaborative.system.on_tensorflow  # noqa: F401 (before Keras, by the split)

# isort: split
import keras
import tensorflow as tf

from collaborative import schedules
from collaborative.costs import METHODS
from collaborative.nn import fast_paths, metrics
from collaborative.nn.frozen import freeze, is_frozen
from collaborative.nn.members import deserialized, serialized, shared_layers
from collaborative.nn.settings import (
    CollaborativeSettings,
    LiveSetting,
    deserialized_settings,
)
from collaborative.system.errors import UserError, reason_of

# Networks learn right labels first, and wrong ones by heart later (Han et al. 2018).
_SMALL_LOSS = schedules.parse("ramp_up:0.1")


class _CollaborativeModel(CollaborativeSettings):
    """What both models share: the total cost."""

    def total_cost(
        self, costs, logits, labels, weights=None, teacher=(), unlabeled_cost=0.0
    ):
        """Equations (2.1) and (2.2): sum_i CE_i + alpha Collab + weight decay.

        Args, Returns: as in `nn.steps`. CE_i is the mean over the batch of CE(y, f_i),
        which `metrics.errors_and_costs` computes; the total is "loss".
        """
        alpha = self._alpha()
        collaboration_cost = self.collaboration_cost(logits, labels, weights, teacher)
        decay = self._weight_decay_cost()
        total = tf.reduce_sum(costs) + alpha * collaboration_cost + decay
        if self.losses:
            total = total + tf.add_n([tf.cast(c, tf.float32) for c in self.losses])
        if self.unlabeled:
            total = total + alpha * self.unlabeled_weight * unlabeled_cost
        parts = {
            "collaboration_cost": collaboration_cost,
            "weight_decay": decay,
            "loss": total,
        }
        parts |= {"alpha": alpha} if self.collaboration.is_scheduled else {}
        return parts | ({"unlabeled_cost": unlabeled_cost} if self.unlabeled else {})

    def training_weights(self, costs, labels, given):
        """Sample weights, times those of classes and of small-loss selection."""
        factors = [] if given is None else [given]
        if self.class_weight is not None:
            of_classes = tf.constant(self.class_weight, costs.dtype)
            factors.append(tf.gather(of_classes, labels))
        if self.small_loss:
            factors.append(self._small_loss_weights(costs))
        return functools.reduce(tf.multiply, factors) if factors else None

    def _small_loss_weights(self, costs):
        """Small-loss selection, where labels may be wrong: weights of images.

        Members that collaborate leave out the same images, by the sum of their costs,
        as in JoCoR (Wei et al. 2020), but that it adds their distance; those of
        `Single` leave out their own.
        """
        done = schedules.part_done(self.optimizer.iterations, self.steps)
        left_out = self.small_loss * _SMALL_LOSS(done)
        apart = self.method == "Single"
        judged = costs if apart else tf.reduce_sum(costs, axis=0)
        return metrics.small_loss_weights(judged, left_out)

    def separate_cost(self, unlabeled_cost):
        """alpha Collab(g(unlabeled images)), of a step of its own (section 7.3)."""
        return self._alpha() * self.unlabeled_weight * unlabeled_cost

    def cost_without_labels(self, logits):
        """alpha Collab + weight decay: what comes along into a larger model.

        Args:
            logits: of the members, each `[batch, classes]`.
        """
        decay = self._weight_decay_cost()
        if self.method == "Single" or not self.alpha:
            return decay
        reason = None
        if METHODS[self.method].labels:
            reason = f"method {self.method} needs labels"
        if self.collaboration.is_scheduled:
            reason = "a schedule of alpha counts the steps of the ensemble's own fit"
        if reason:
            warnings.warn(
                f"{self.name} is called with training=True, as in a larger model, and "
                f"its collaboration cost does not come along: {reason}",
                stacklevel=2,
            )
            return decay
        return self.alpha * self.collaboration_cost(logits) + decay

    def collaboration_cost(self, logits, labels=None, weights=None, teacher=()):
        """Collab of equation (2.2), before alpha, of the members' logits: a scalar.

        Args:
            logits: of the members, each `[batch, classes]`.
            labels: integers `[batch]`; None for images without labels.
            weights: of the images, `[batch]`; None: all 1.
            teacher: logits of a teacher, `[batch, classes]`, or ().
        """
        if self.method == "Single":
            return tf.zeros(())
        others = [] if isinstance(teacher, tuple) else [tf.cast(teacher, tf.float32)]
        if len(logits) + len(others) < 2:
            return tf.zeros(())  # a student that is measured without its teacher
        cost = self.collaboration.cost([*logits, *others], labels, weights)
        return cost if self.alpha else tf.stop_gradient(cost)

    def _weight_decay_cost(self):
        """sum_i weight_decay_i * sum(w^2) / 2 over all trainable kernels, no biases."""
        kernels = list(filter(fast_paths.is_kernel, self.trainable_variables))
        if not (self.weight_decay and kernels):
            return tf.zeros(())
        squares = [tf.cast(tf.nn.l2_loss(k), tf.float32) for k in kernels]
        if isinstance(self.weight_decay, float):
            return self.weight_decay * tf.add_n(squares)
        factors = [self.weight_decay[name] for name in self.owners(kernels)]
        return tf.add_n([f * s for f, s in zip(factors, squares, strict=True)])

    def _alpha(self):
        """alpha at this step."""
        if not self.collaboration.is_scheduled:
            return self.alpha
        return self.collaboration.weight(self.optimizer.iterations, self.steps)


@keras.saving.register_keras_serializable(package="collaborative")
class SingleModel(_CollaborativeModel):
    """One network, trained from the labels alone, or with a teacher.

    Args:
        member: a Keras model from inputs to logits `[batch, classes]`.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost.
        method: "Single", or how the distance to the teacher's logits is measured, which
            then come with the images (`Inputs`): "KL" is Hinton's distillation.
        alpha: weight of that distance.
        **kwargs: `collaboration`, `temperature`, `schedule` (with `steps`),
            `class_weight`, `label_smoothing` and `small_loss` as in `EnsembleModel`,
            and those of `keras.Model` (name, dtype).

    `compile` it with an optimizer and without a loss. Metrics: `<member>_error`
    (fraction misclassified), `<member>_cost` (mean cross-entropy against the labels),
    `weight_decay`, `collaboration_cost` (the distance to the teacher; 0 without one)
    and `loss` (the total cost).
    """

    def __init__(
        self,
        member: keras.Model,
        weight_decay: float = 0.0,
        method: str = "Single",
        alpha: float = 0.0,
        **kwargs: Any,
    ):
        kwargs["pull"] = ()  # the teacher's logits are constants anyway
        super().__init__([member], weight_decay, method, alpha, **kwargs)

    def get_config(self):
        (member,) = serialized(self.members)
        return super().get_config() | {"member": member}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        (member,) = deserialized([config["member"]], (), custom_objects)
        settings = deserialized_settings(config, custom_objects)
        return cls(**settings | {"member": member})


def _average(_, value):
    if value not in ("logits", "probabilities"):
        raise ValueError(f"average must be 'logits' or 'probabilities', got {value!r}")
    return value


@keras.saving.register_keras_serializable(package="collaborative")
class EnsembleModel(_CollaborativeModel):
    """Several networks that learn one task together (section 2.0.1).

    Args:
        members: at least two Keras models with different names, each from the same
            inputs to logits `[batch, classes]`. Architectures may differ.
        method: "CE", "L2" or "L1", or beyond the paper another of
            `costs.METHODS`: how collaboration is measured; "Single" is the
            traditional ensemble, whose members know nothing of each other.
        alpha: the collaboration weight, >= 0; below 0 for a cost that is `signed`.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost; or one
            for each member, a list in their order or a dict by name.
        average: what the ensemble's prediction is the mean of: "logits" (the paper's
            tables) or "probabilities".
        steps: updates of the weights in all training; a schedule of alpha and
            `small_loss` need it.
        unlabeled: how images without labels come into a step: "mixed" adds their
            collaboration cost to the total, "separate" makes a step of its own of it;
            None: there are none. They come with the others, see `Inputs`.
        unlabeled_weight: factor of that cost, besides alpha.
        class_weight: a number >= 0 for each class, a list in their order or a dict by
            their numbers, or None: weighs each training image in what is minimised, as
            a sample weight would. Errors and costs, and all of `evaluate`, stay
            unweighted.
        label_smoothing: part of each label, from 0 to below 1, that is shared among all
            classes in the cross-entropies with the labels that are minimised, and in
            nothing else: costs, and all of `evaluate`, stay those of the labels.
        small_loss: part of each batch, from 0 to below 1, that is left out of what is
            minimised: the images of the largest cross-entropies, since their labels
            may be wrong. It grows to that over the first tenth of training.
        **kwargs: others of `collaboration.Collaboration` (temperature, topology,
            pair_cost, pull, schedule, weighted), and of `keras.Model` (name, dtype); or
            `collaboration`, a ready one in place of `method` and `alpha`.

    Calling the model gives the ensemble's logits `[batch, classes]`. `compile` it with
    an optimizer and without a loss; labels are integers `[batch]`, or distributions
    over the classes, `[batch, classes]`. Metrics: `<member>_error`
    (fraction misclassified) and `<member>_cost` (mean cross-entropy against the
    labels) for each member and for `ensemble`; `collaboration_cost` (before alpha),
    `weight_decay` and `loss` (the total cost); `alpha` where it has a schedule, and
    `unlabeled_cost`. In training each error and cost has a companion `..._running`, the
    running mean of remark 5.1 (with 0.95 and 0.05, as in the author's code).

    A member that is frozen (`member.trainable = False`, before `compile`) is a teacher:
    the others are drawn to its logits as to constants, it stays as it is, and is
    measured as they are. `model[name]` is a member, `predict_members` what each says,
    `predict_all` what they and the ensemble say.

    Sample weights weigh what is minimised as in any Keras model, the collaboration cost
    too unless `weighted=False`. Errors and costs are then means by weight, in which an
    image of weight 0 counts nowhere; `loss`, as in Keras, stays a mean over the images.

    As a layer of a larger model it adds alpha times the collaboration cost, and its
    weight decay, to what that one minimises.

    All but `members` are attributes that may be set at any time, and hold from the next
    step on (which is traced again); whether there is a schedule of alpha, and
    `unlabeled`, must stay, since they make metrics.

    Raises:
        ValueError: for members that do not fit together, or a value that cannot be.

    Example:
        model = EnsembleModel([small, large], method="L2", alpha=0.01)
        model.compile(optimizer="adam")
        model.fit(images, labels)
        model["small"].predict(images)
    """

    average = LiveSetting(_average)

    def __init__(
        self,
        members: Iterable[keras.Model],
        method: str = "L2",
        alpha: float = 0.01,
        weight_decay: float | Sequence[float] | Mapping[str, float] = 0.0,
        average: str = "logits",
        **kwargs: Any,
    ):
        members = [members] if isinstance(members, keras.Model) else list(members)
        if len(members) < 2:
            raise ValueError(
                f"EnsembleModel needs at least 2 members, got {len(members)}; "
                "SingleModel trains one"
            )
        super().__init__(members, weight_decay, method, alpha, **kwargs)
        self.average = average

    @property
    def predictor_names(self):
        return [*super().predictor_names, "ensemble"]

    def predictions(self, logits):
        if self.average == "logits":
            ensemble = tf.add_n(logits) / len(logits)
        else:
            log_p = tf.stack([tf.nn.log_softmax(g) for g in logits])
            ensemble = tf.reduce_logsumexp(log_p, axis=0) - math.log(len(logits))
        return [*logits, ensemble]

    def get_config(self):
        return super().get_config() | {
            "members": serialized(self.members),
            "shared_layers": shared_layers(self.members),
            "frozen": [place for place, m in enumerate(self.members) if is_frozen(m)],
            "average": self.average,
            "unlabeled": self.unlabeled,
            "unlabeled_weight": self.unlabeled_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        shared = config.pop("shared_layers", ())
        members = deserialized(config["members"], shared, custom_objects)
        for place in config.pop("frozen", ()):  # which a class may leave out of its own
            freeze(members[place])
        return cls(
            **deserialized_settings(config, custom_objects) | {"members": members}
        )


class UnusableModel(UserError, ValueError):
    """A model that cannot be loaded or rebuilt; the message is one line."""


def load_model(path: str | os.PathLike, **kwargs: Any) -> keras.Model:
    """`keras.models.load_model`, with the classes of this project known to it.

    Args:
        path: a `.keras` file.
        **kwargs: those of `keras.models.load_model`.

    Raises:
        UnusableModel: for a file that is no Keras model or needs code that is not here.
    """
    is_there = str(path).endswith(".keras") and os.path.isfile(path)
    if is_there and not zipfile.is_zipfile(path):  # Keras says that it is not there
        raise UnusableModel(f"{path} cannot be loaded: it is damaged, or no model")
    try:
        return keras.models.load_model(path, **kwargs)
    except Exception as error:  # a damaged archive can raise nearly anything
        raise UnusableModel(f"{path} cannot be loaded: {reason_of(error)}") from error
