"""The machinery of the steps that train and measure several networks at once.

`Classifier` runs `fit` and `evaluate`: it takes a batch apart, computes the members'
logits, records errors and costs, and descends the gradient. What is minimised is said
by its subclass in `models`, where the paper's equations are.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from collaborative.data.examples import Inputs
from collaborative.nn import metrics
from collaborative.nn.members import check_members


class Classifier(keras.Model):
    """Members that are trained by one step.

    Args:
        members: Keras models from the same inputs to logits `[batch, classes]`.
        totals: names of what `total_cost` gives, "loss" (the total cost) among them.
        unlabeled: "mixed", "separate" or None, see `models.EnsembleModel`.
        **kwargs: those of `keras.Model`.
    """

    def __init__(self, members, totals, unlabeled=None, **kwargs):
        super().__init__(**kwargs)
        self.unlabeled = unlabeled
        self.members = list(members)
        check_members(self.members)
        names = [
            f"{predictor}_{statistic}"
            for predictor in self.predictor_names
            for statistic in ("error", "cost")
        ]
        self.statistics = metrics.Statistics([*names, *totals], running=len(names))
        self._held = None
        if all(member.built for member in self.members):
            # With the shape, which Keras's export asks for.
            self.build(getattr(self.members[0], "input_shape", None))

    def total_cost(
        self, costs, logits, labels, weights=None, teacher=(), unlabeled_cost=0.0
    ):
        """What a step minimises: dict of the scalars named `totals`, in their order.

        Args:
            costs: mean cross-entropies of the members, `[members]`.
            logits: of the members, each `[batch, classes]`.
            labels: integers `[batch]`.
            weights: of the images, `[batch]`, or None.
            teacher: logits of a teacher, `[batch, classes]`, or ().
            unlabeled_cost: collaboration cost on images without labels, a scalar.
        """
        raise AttributeError("a subclass says what is minimised")

    def separate_cost(self, unlabeled_cost):
        """What a step on images without labels minimises, a scalar."""
        raise AttributeError("a subclass says what is minimised")

    def collaboration_cost(self, logits, labels=None, weights=None, teacher=()):
        """How far the members' logits are apart, a scalar; see `total_cost`."""
        raise AttributeError("a subclass says how it is measured")

    @property
    def predictor_names(self):
        """Names of those whose error and cost are measured: members, then ensemble."""
        return [member.name for member in self.members]

    def predictions(self, logits):
        """Logits of all predictors, from the members': members, then the ensemble."""
        return logits

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

    def predictor_logits(self, x, training=False):
        """Logits of all predictors: list of `[batch, classes]`, see `predictor_names`.

        Args:
            x, training: as for `member_logits`.
        """
        return self.predictions(self.member_logits(x, training))

    def call(self, x, training=False):
        """The prediction: logits `[batch, classes]`."""
        return self.predictor_logits(Inputs.of(x).images, training)[-1]

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
                cost = self._scaled(self.separate_cost(apart))
            self._descend(tape, cost)
        with tf.GradientTape() as tape:
            logits = self.predictor_logits(inputs.images, training=True)
            if self.unlabeled == "mixed":
                apart = self._unlabeled_cost(inputs.unlabeled)
            loss = self._record(y, logits, sample_weight, inputs.teacher, apart)
            cost = self._scaled(loss)
        self._descend(tape, cost)
        self.compute_metrics(inputs.images, y, logits[-1], sample_weight)
        return self.get_metrics_result()

    def test_step(self, data):
        """One batch of `evaluate`."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        logits = self.predictor_logits(x)
        self._record(y, logits, sample_weight)
        results = self.compute_metrics(x, y, logits[-1], sample_weight)
        # A running mean says something of a training epoch only.
        return {k: v for k, v in results.items() if not k.endswith("_running")}

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
                "without labels: see Inputs"
            )

    def _record(self, y, logits, sample_weight, teacher=(), unlabeled_cost=None):
        """Computes and records all errors and costs.

        Args:
            y: labels: integers `[batch]` or `[batch, 1]`, or distributions
                `[batch, classes]`.
            logits: of all predictors, each `[batch, classes]`.
            sample_weight: None or `[batch]`, weighs the costs against the labels.
            teacher, unlabeled_cost: as for `total_cost`.

        Returns:
            The total cost, a scalar.
        """
        if self.loss is not None:
            raise ValueError(
                f"{type(self).__name__} minimises its own cost: "
                f"compile it without loss (got {self.loss!r})"
            )
        errors, costs = metrics.errors_and_costs(y, tf.stack(logits), sample_weight)
        count = len(self.members)
        apart = 0.0 if unlabeled_cost is None else unlabeled_cost
        labels = metrics.class_labels(y, logits[0].shape[-1])
        weights = sample_weight
        if weights is not None:
            weights = tf.reshape(tf.cast(weights, costs.dtype), [-1])
        totals = self.total_cost(
            costs[:count], logits[:count], labels, weights, teacher, apart
        )
        per_predictor = tf.reshape(tf.stack([errors, costs], axis=1), [-1])
        self.statistics.update_state(
            tf.concat([per_predictor, list(totals.values())], axis=0),
            tf.shape(logits[0])[0],
        )
        return totals["loss"]

    @property
    def metrics(self):
        # "loss" is among the statistics; Keras's own tracker would shadow it.
        return [metric for metric in super().metrics if metric.name != "loss"]
