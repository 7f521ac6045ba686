"""`SingleModel` and `EnsembleModel`: training with a collaboration cost (section 2).

What a training step minimises (equations (2.1) and (2.2), with the weight decay of
section 5.2; Keras calls it the loss):

    total = sum_i CE(y, softmax(g_i)) + alpha * Collab(g)
            + weight_decay * sum_i ||kernels_i||^2 / 2

where g_i are the logits of member i. What a member adds with `add_loss` or with
regularizers of its own is added too. The ensemble predicts with the mean of its
members' logits, as the paper's tables do, or with the mean of their probabilities.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

import collaboration
import fast_paths as fast_paths  # Keras must know its classes to load a model
import metrics
from members import check_members


class _ClassifierModel(keras.Model):
    """What both models share: members, their costs, and the step that trains them."""

    def __init__(self, members, weight_decay, **kwargs):
        super().__init__(**kwargs)
        if not (math.isfinite(weight_decay) and weight_decay >= 0):
            raise ValueError(f"weight_decay must be >= 0, got {weight_decay}")
        self.weight_decay = float(weight_decay)
        self.members = list(members)
        check_members(self.members)
        names = [
            f"{predictor}_{statistic}"
            for predictor in self.predictor_names
            for statistic in ("error", "cost")
        ]
        self.statistics = metrics.Statistics(
            [*names, "collaboration_cost", "weight_decay", "loss"], running=len(names)
        )
        self._held = None
        if all(member.built for member in self.members):
            self.built = True

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
        return self.predictions(self.member_logits(x, training))[-1]

    def predictions(self, logits):
        """Logits of all predictors, from the members': members, then the ensemble."""
        return logits

    def collaboration_cost(self, logits):
        """alpha-free collaboration cost of the members' logits: a scalar."""
        return tf.zeros(())

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
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            logits = self.predictions(self.member_logits(x, training=True))
            loss = self._update_statistics(y, logits, sample_weight)
            scaled_loss = self.optimizer.scale_loss(loss / replicas)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )
        self.compute_metrics(x, y, logits[-1], sample_weight)
        return self.get_metrics_result()

    def test_step(self, data):
        """One batch of `evaluate`."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        logits = self.predictions(self.member_logits(x, training=False))
        self._update_statistics(y, logits, sample_weight)
        results = self.compute_metrics(x, y, logits[-1], sample_weight)
        # A running mean says something of a training epoch only.
        return {k: v for k, v in results.items() if not k.endswith("_running")}

    def _update_statistics(self, y, logits, sample_weight):
        """Computes and records all errors and costs.

        Args:
            y: labels: integers `[batch]` or `[batch, 1]`, or distributions
                `[batch, classes]`.
            logits: of all predictors, each `[batch, classes]`.
            sample_weight: None or `[batch]`, weighs the costs against the labels.

        Returns:
            The total cost, a scalar.
        """
        if self.loss is not None:
            raise ValueError(
                f"{type(self).__name__} minimises its own cost: "
                f"compile it without loss (got {self.loss!r})"
            )
        errors, costs = metrics.errors_and_costs(y, tf.stack(logits), sample_weight)
        collaboration_cost = self.collaboration_cost(logits[: len(self.members)])
        decay = self._weight_decay_cost()
        member_costs = tf.reduce_sum(costs[: len(self.members)])
        total = member_costs + self.alpha * collaboration_cost + decay
        total = total + tf.add_n(self.losses) if self.losses else total
        per_predictor = tf.reshape(tf.stack([errors, costs], axis=1), [-1])
        scalars = tf.stack([collaboration_cost, decay, total])
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
        }


@keras.saving.register_keras_serializable(package="collaborative")
class SingleModel(_ClassifierModel):
    """One network, trained from the labels alone.

    Args:
        member: a Keras model from inputs to logits `[batch, classes]`.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost.
        **kwargs: of `keras.Model` (name, dtype).

    `compile` it with an optimizer and without a loss. Metrics: `<member>_error`
    (fraction misclassified), `<member>_cost` (mean cross-entropy against the labels),
    `weight_decay`, `collaboration_cost` (0) and `loss` (the total cost).
    """

    alpha = 0.0

    def __init__(self, member, weight_decay=0.0, **kwargs):
        super().__init__([member], weight_decay, **kwargs)

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
        method: "CE", "L2" or "L1": how collaboration is measured; "Single" is the
            traditional ensemble, whose members know nothing of each other.
        alpha: the collaboration weight, >= 0.
        weight_decay: factor of sum(w^2)/2 over the kernels in the total cost.
        average: what the ensemble's prediction is the mean of: "logits" (the paper's
            tables) or "probabilities".
        **kwargs: of `keras.Model` (name, dtype).

    Calling the model gives the ensemble's logits `[batch, classes]`. `compile` it with
    an optimizer and without a loss; labels are integers. Metrics: `<member>_error`
    (fraction misclassified) and `<member>_cost` (mean cross-entropy against the
    labels) for each member and for `ensemble`; `collaboration_cost` (before alpha),
    `weight_decay` and `loss` (the total cost). In training each error and cost has a
    companion `..._running`, the paper's running mean (0.95 / 0.05).

    Raises:
        ValueError: for members that do not fit together, an unknown method or an
            alpha that is no weight.

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
        if method != "Single":
            collaboration.check_method(method)
        if not (math.isfinite(alpha) and alpha >= 0):
            raise ValueError(f"alpha must be a finite number >= 0, got {alpha}")
        if average not in ("logits", "probabilities"):
            raise ValueError(
                f"average must be 'logits' or 'probabilities', got {average!r}"
            )
        if len(members) < 2:
            raise ValueError(
                f"EnsembleModel needs at least 2 members, got {len(members)}; "
                "SingleModel trains one"
            )
        super().__init__(members, weight_decay, **kwargs)
        self.method, self.alpha, self.average = method, float(alpha), average

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

    def collaboration_cost(self, logits):
        if self.method == "Single":
            return super().collaboration_cost(logits)
        cost = collaboration.collaboration_cost(logits, self.method)
        return cost if self.alpha else tf.stop_gradient(cost)

    def get_config(self):
        members = [keras.saving.serialize_keras_object(m) for m in self.members]
        return super().get_config() | {
            "members": members,
            "method": self.method,
            "alpha": self.alpha,
            "average": self.average,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        members = [
            keras.saving.deserialize_keras_object(member, custom_objects=custom_objects)
            for member in config["members"]
        ]
        return cls(**config | {"members": members})
