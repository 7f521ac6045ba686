"""`SingleModel` and `EnsembleModel`: training with a collaboration cost (section 2).

What a training step minimises (equations (2.1) and (2.2), with the weight decay of
section 5.2; Keras calls it the loss):

    total = sum_i CE(y, softmax(g_i)) + alpha * Collab(g)
            + weight_decay * sum_i ||kernels_i||^2 / 2

where g_i are the logits of member i. What a member adds with `add_loss` or with
regularizers of its own is added too. The ensemble predicts with the mean of its
members' logits, as the paper's tables do, or with the mean of their probabilities.

Beyond the paper (section 7.3): collaboration on images without labels,

    total + unlabeled_weight * alpha * Collab(g(unlabeled images)),

and a single network that collaborates with the recorded logits of a teacher, which is
distillation (section 2.0.1; Hinton et al. 2015).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

import fast_paths as fast_paths  # Keras must know its classes to load a model
import metrics
from collaboration import UNLABELED_STEPS, Collaboration
from members import check_members

_COLLABORATION = {f.name for f in dataclasses.fields(Collaboration)}


class Inputs(NamedTuple):
    """What a training step may take in place of bare images.

    images: as the members take them; unlabeled: further ones without labels, `[m, ...]`
    with any m; teacher: logits of a teacher for the images, `[batch, classes]`.
    """

    images: Any
    unlabeled: Any = ()
    teacher: Any = ()

    @classmethod
    def of(cls, x):
        """`x` itself, or bare images made into `Inputs`."""
        return x if isinstance(x, cls) else cls(x)


class _ClassifierModel(keras.Model):
    """What both models share: members, their costs, and the step that trains them."""

    def __init__(
        self,
        members,
        weight_decay,
        method,
        alpha,
        *,
        steps=None,
        unlabeled=None,
        unlabeled_weight=1.0,
        **kwargs,
    ):
        settings = {n: kwargs.pop(n) for n in _COLLABORATION & kwargs.keys()}
        super().__init__(**kwargs)
        self.collaboration = Collaboration(method, float(alpha), **settings)
        self.steps, self.unlabeled = steps, unlabeled
        self.unlabeled_weight = float(unlabeled_weight)
        self.weight_decay = float(weight_decay)
        self._check_settings()
        self.members = list(members)
        check_members(self.members)
        self.statistics = self._new_statistics()
        self._held = None
        if all(member.built for member in self.members):
            # With the shape, which Keras's export asks for.
            self.build(getattr(self.members[0], "input_shape", None))

    def _check_settings(self):
        if self._is_scheduled and not self.steps:
            raise ValueError("a schedule of alpha needs steps, those of all training")
        if self.unlabeled not in (None, *UNLABELED_STEPS):
            raise ValueError(
                f"unlabeled must be None or one of {', '.join(UNLABELED_STEPS)}, "
                f"got {self.unlabeled!r}"
            )
        for name in ("weight_decay", "unlabeled_weight"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be >= 0, got {value}")

    def _new_statistics(self):
        names = [
            f"{predictor}_{statistic}"
            for predictor in self.predictor_names
            for statistic in ("error", "cost")
        ]
        totals = ["collaboration_cost", "weight_decay", "loss"]
        totals += ["alpha"] if self._is_scheduled else []
        totals += ["unlabeled_cost"] if self.unlabeled else []
        return metrics.Statistics([*names, *totals], running=len(names))

    @property
    def method(self):
        """How collaboration is measured."""
        return self.collaboration.method

    @property
    def alpha(self):
        """The collaboration weight, before its schedule."""
        return self.collaboration.alpha

    @property
    def _is_scheduled(self):
        return self.collaboration.schedule != "constant"

    @property
    def predictor_names(self):
        """Names of those whose error and cost are measured: members, then ensemble."""
        return [member.name for member in self.members]

    def build(self, input_shape):
        for member in self.members:
            if not member.built:
                member.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.members[0].compute_output_shape(input_shape)

    def member_logits(self, x, training=False):
        """Logits of each member: list of float32 tensors `[batch, classes]`.

        Args:
            x: images, as the members take them.
            training: whether batch normalisation uses the batch's moments.
        """
        logits = [member(x, training=training) for member in self.members]
        self.built = True  # members build themselves when they are called
        return [tf.cast(g, tf.float32) for g in logits]

    def call(self, x, training=False):
        """The prediction: logits `[batch, classes]`."""
        images = Inputs.of(x).images
        return self.predictions(self.member_logits(images, training))[-1]

    def predictions(self, logits):
        """Logits of all predictors, from the members': members, then the ensemble."""
        return logits

    def collaboration_cost(self, logits, teacher=()):
        """alpha-free collaboration cost of the members' logits: a scalar."""
        if self.method == "Single":
            return tf.zeros(())
        others = [] if isinstance(teacher, tuple) else [tf.cast(teacher, tf.float32)]
        if len(logits) + len(others) < 2:
            return tf.zeros(())  # a pupil that is measured without its teacher
        cost = self.collaboration.cost([*logits, *others])
        return cost if self.alpha else tf.stop_gradient(cost)

    def hold(self, images, labels):
        """Keeps training examples on the device, where each step gathers its batch.

        From then on `fit` takes batches of indices into them, int32 `[batch]`.

        Args:
            images: array `[n, ...]`, as the members take them.
            labels: integers `[n]`.
        """
        self._held = (tf.constant(images), tf.constant(labels))

    def train_step(self, data):
        """One step of gradient descent on the total cost, for `fit`."""
        if self._held is not None:
            data = tuple(tf.gather(part, data) for part in self._held)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        inputs = Inputs.of(x)
        self._check_extras(inputs)
        apart = None  # the collaboration cost on images without labels
        if self.unlabeled == "separate":
            with tf.GradientTape() as tape:
                apart = self._unlabeled_cost(inputs.unlabeled)
                cost = self._scaled(self._weight() * self.unlabeled_weight * apart)
            self._descend(tape, cost)
        with tf.GradientTape() as tape:
            logits = self.predictions(self.member_logits(inputs.images, training=True))
            if self.unlabeled == "mixed":
                apart = self._unlabeled_cost(inputs.unlabeled)
            loss = self._update_statistics(
                y, logits, sample_weight, inputs.teacher, apart
            )
            cost = self._scaled(loss)
        self._descend(tape, cost)
        self.compute_metrics(inputs.images, y, logits[-1], sample_weight)
        return self.get_metrics_result()

    def _scaled(self, cost):
        """The cost that gradients are taken of: a replica's share, scaled (float16)."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return self.optimizer.scale_loss(cost / replicas)

    def _descend(self, tape, cost):
        """Updates the weights once, down the gradient of a cost recorded on a tape."""
        gradients = tape.gradient(cost, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )

    def _weight(self):
        """alpha at this step."""
        if not self._is_scheduled:
            return self.alpha
        done = tf.cast(self.optimizer.iterations, tf.float32)
        return self.collaboration.weight(tf.minimum(done / self.steps, 1.0))

    def _unlabeled_cost(self, images):
        """Collaboration cost on images without labels: a scalar.

        They are normalized by their own moments, and leave no trace in the moments that
        the members use at inference.
        """
        weights = self.non_trainable_weights
        before = [tf.identity(weight.value) for weight in weights]
        cost = self.collaboration_cost(self.member_logits(images, training=True))
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)
        return cost

    def _check_extras(self, inputs):
        has_unlabeled = not isinstance(inputs.unlabeled, tuple)
        if has_unlabeled != bool(self.unlabeled):
            wanted = "need" if self.unlabeled else "have no use for"
            raise ValueError(
                f"a model with unlabeled={self.unlabeled!r} would {wanted} images "
                "without labels: see models.Inputs"
            )

    def test_step(self, data):
        """One batch of `evaluate`."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        logits = self.predictions(self.member_logits(x, training=False))
        self._update_statistics(y, logits, sample_weight)
        results = self.compute_metrics(x, y, logits[-1], sample_weight)
        # A running mean says something of a training epoch only.
        return {k: v for k, v in results.items() if not k.endswith("_running")}

    def _update_statistics(
        self, y, logits, sample_weight, teacher=(), unlabeled_cost=None
    ):
        """Computes and records all errors and costs.

        Args:
            y: labels: integers `[batch]` or `[batch, 1]`, or distributions
                `[batch, classes]`.
            logits: of all predictors, each `[batch, classes]`.
            sample_weight: None or `[batch]`, weighs the costs against the labels.
            teacher: logits of a teacher, `[batch, classes]`, or ().
            unlabeled_cost: collaboration cost on images without labels, or None.

        Returns:
            The total cost, a scalar.
        """
        if self.loss is not None:
            raise ValueError(
                f"{type(self).__name__} minimises its own cost: "
                f"compile it without loss (got {self.loss!r})"
            )
        errors, costs = metrics.errors_and_costs(y, tf.stack(logits), sample_weight)
        collaboration_cost = self.collaboration_cost(
            logits[: len(self.members)], teacher
        )
        decay, alpha = self._weight_decay_cost(), self._weight()
        member_costs = tf.reduce_sum(costs[: len(self.members)])
        total = member_costs + alpha * collaboration_cost + decay
        total = total + tf.add_n(self.losses) if self.losses else total
        apart = 0.0 if unlabeled_cost is None else unlabeled_cost
        if self.unlabeled:
            total = total + alpha * self.unlabeled_weight * apart
        per_predictor = tf.reshape(tf.stack([errors, costs], axis=1), [-1])
        scalars = [collaboration_cost, decay, total]
        scalars += [alpha] if self._is_scheduled else []
        scalars += [apart] if self.unlabeled else []
        self.statistics.update_state(
            tf.concat([per_predictor, scalars], axis=0), tf.shape(logits[0])[0]
        )
        return total

    def _weight_decay_cost(self):
        """weight_decay * sum(w^2) / 2 over all trainable kernels, biases left out."""
        kernels = [v for v in self.trainable_variables if v.name.endswith("kernel")]
        if not (self.weight_decay and kernels):
            return tf.zeros(())
        return self.weight_decay * tf.add_n([tf.nn.l2_loss(k) for k in kernels])

    @property
    def metrics(self):
        # "loss" is among the statistics; Keras's own tracker would shadow it.
        return [metric for metric in super().metrics if metric.name != "loss"]

    def get_config(self):
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "weight_decay": self.weight_decay,
            "steps": self.steps,
            **dataclasses.asdict(self.collaboration),
        }


@keras.saving.register_keras_serializable(package="collaborative")
class SingleModel(_ClassifierModel):
    """One network, trained from the labels alone, or with a teacher.

    Args:
        member: a Keras model from inputs to logits `[batch, classes]`.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost.
        method: "Single", or how the distance to the teacher's logits is measured, which
            then come with the images (`Inputs`): "KL" is Hinton's distillation.
        alpha: weight of that distance.
        **kwargs: `temperature` and `schedule` (with `steps`) as in `EnsembleModel`, and
            those of `keras.Model` (name, dtype).

    `compile` it with an optimizer and without a loss. Metrics: `<member>_error`
    (fraction misclassified), `<member>_cost` (mean cross-entropy against the labels),
    `weight_decay`, `collaboration_cost` (0) and `loss` (the total cost).
    """

    def __init__(self, member, weight_decay=0.0, method="Single", alpha=0.0, **kwargs):
        kwargs["pull"] = (1, 0)  # the teacher's logits are constants
        super().__init__([member], weight_decay, method, alpha, **kwargs)

    def get_config(self):
        member = keras.saving.serialize_keras_object(self.members[0])
        return super().get_config() | {"member": member}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        member = keras.saving.deserialize_keras_object(
            config["member"], custom_objects=custom_objects
        )
        return cls(**config | {"member": member})


@keras.saving.register_keras_serializable(package="collaborative")
class EnsembleModel(_ClassifierModel):
    """Several networks that learn one task together (section 2.0.1).

    Args:
        members: at least two Keras models with different names, each from the same
            inputs to logits `[batch, classes]`. Architectures may differ.
        method: "CE", "L2" or "L1", or beyond the paper another of
            `collaboration.METHODS`: how collaboration is measured; "Single" is the
            traditional ensemble, whose members know nothing of each other.
        alpha: the collaboration weight, >= 0.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost.
        average: what the ensemble's prediction is the mean of: "logits" (the paper's
            tables) or "probabilities".
        steps: updates of the weights in all training; a schedule of alpha needs it.
        unlabeled: how images without labels come into a step: "mixed" adds their
            collaboration cost to the total, "separate" makes a step of its own of it;
            None: there are none. They come with the others, see `Inputs`.
        unlabeled_weight: factor of that cost, besides alpha.
        **kwargs: others of `collaboration.Collaboration` (temperature, topology,
            pair_cost, pull, schedule), and of `keras.Model` (name, dtype).

    Calling the model gives the ensemble's logits `[batch, classes]`. `compile` it with
    an optimizer and without a loss; labels are integers. Metrics: `<member>_error`
    (fraction misclassified) and `<member>_cost` (mean cross-entropy against the
    labels) for each member and for `ensemble`; `collaboration_cost` (before alpha),
    `weight_decay` and `loss` (the total cost); `alpha` where it has a schedule, and
    `unlabeled_cost`. In training each error and cost has a companion `..._running`, the
    paper's running mean (0.95 / 0.05).

    Raises:
        ValueError: for members that do not fit together, or a value that cannot be.

    Example:
        model = EnsembleModel([small, large], method="L2", alpha=0.01)
        model.compile(optimizer="adam")
        model.fit(images, labels)
        small.predict(images)
    """

    def __init__(
        self,
        members,
        method="L2",
        alpha=0.01,
        weight_decay=0.0,
        average="logits",
        **kwargs,
    ):
        if average not in ("logits", "probabilities"):
            raise ValueError(
                f"average must be 'logits' or 'probabilities', got {average!r}"
            )
        if len(members) < 2:
            raise ValueError(
                f"EnsembleModel needs at least 2 members, got {len(members)}; "
                "SingleModel trains one"
            )
        super().__init__(members, weight_decay, method, alpha, **kwargs)
        self.average = average
        if self.collaboration.pull and len(self.collaboration.pull) != len(members):
            raise ValueError(
                f"pull must have a number for each of {len(members)} members, "
                f"got {len(self.collaboration.pull)}"
            )

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
        members = [keras.saving.serialize_keras_object(m) for m in self.members]
        return super().get_config() | {
            "members": members,
            "average": self.average,
            "unlabeled": self.unlabeled,
            "unlabeled_weight": self.unlabeled_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        members = [
            keras.saving.deserialize_keras_object(member, custom_objects=custom_objects)
            for member in config["members"]
        ]
        return cls(**config | {"members": members})
