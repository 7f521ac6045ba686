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
from collaborative.nn.members import check_logits, check_members


class Classifier(keras.Model):
    """Members that are trained by one step.

    Args:
        members: Keras models from the same inputs to logits `[batch, classes]`.
        totals: names of what `total_cost` gives, "loss" (the total cost) among them.
        unlabeled: "mixed", "separate" or None, see `models.EnsembleModel`.
        class_weight: a number for each class, or None, see `models.EnsembleModel`.
        **kwargs: those of `keras.Model`.
    """

    def __init__(self, members, totals, unlabeled=None, class_weight=None, **kwargs):
        super().__init__(**kwargs)
        self.class_weight = None if class_weight is None else tuple(class_weight)
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
        for member, g in zip(self.members, logits, strict=True):
            shape = keras.tree.map_structure(lambda one: one.shape, g)
            check_logits(member.name, tuple(shape) if hasattr(g, "shape") else shape)
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

    def compile(self, *args, loss=None, **kwargs):
        """`keras.Model.compile`, without a loss: what is minimised is the model's own.

        Raises:
            ValueError: for a loss.
        """
        if loss is not None or (len(args) > 1 and args[1] is not None):
            raise ValueError(
                f"{type(self).__name__} minimises its own cost: compile it without "
                f"loss (got {loss if loss is not None else args[1]!r})"
            )
        super().compile(*args, **kwargs)

    def compile_from_config(self, config):
        """Compiles a loaded model; whoever overrides `compile` has to say how."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, *args, callbacks=None, verbose="auto", **kwargs):
        """`keras.Model.fit`; its line shows the loss and the errors, its logs all."""
        callbacks = self._own_callbacks(callbacks, verbose)
        return super().fit(*args, callbacks=callbacks, verbose=verbose, **kwargs)

    def evaluate(
        self, *args, callbacks=None, verbose="auto", return_dict=False, **kwargs
    ):
        """`keras.Model.evaluate`; a list is in the order of `metrics_names`."""
        found = super().evaluate(
            *args,
            callbacks=self._own_callbacks(callbacks, verbose),
            verbose=verbose,
            return_dict=True,
            **kwargs,
        )
        # Over all devices: in a step each of them knows its own share alone.
        found |= {name: float(mean) for name, mean in self.statistics.means().items()}
        names = [name for name in self.metrics_names if name in found]
        results = {name: found[name] for name in names} | found
        return results if return_dict else list(results.values())

    @property
    def metrics_names(self):
        """Names of what `evaluate` gives, the loss first."""
        further = [m for m in self.metrics if m is not self.statistics]
        return [*self.statistics.means(), *(metric.name for metric in further)]

    def _own_callbacks(self, callbacks, verbose):
        """The callbacks, and one that shows few of the statistics.

        Those that watch one of our statistics are told that less is better.
        """
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks
        callbacks = list(keras.tree.flatten(callbacks)) if callbacks else []
        known = {f"{p}{n}" for n in self.statistics.all_names for p in ("", "val_")}
        for callback in callbacks:
            watched = getattr(callback, "monitor", None)
            if watched in known and getattr(callback, "mode", None) == "auto":
                callback.mode = "min"
        shows = keras.callbacks.ProgbarLogger
        if verbose and not any(isinstance(c, shows) for c in callbacks):
            shown = {"loss", *(f"{name}_error" for name in self.predictor_names)}
            callbacks.append(FewStatistics(set(self.statistics.all_names) - shown))
        return callbacks

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
        self._check_labels(y)
        inputs = Inputs.of(x)
        self._check_extras(inputs)
        apart = None  # the collaboration cost on images without labels
        if self.unlabeled == "separate":
            with tf.GradientTape() as tape:
                apart = self._unlabeled_cost(inputs.unlabeled)
                cost = self._scaled(self.separate_cost(apart), inputs.unlabeled)
            self._descend(tape, cost)
        with tf.GradientTape() as tape:
            logits = self.predictor_logits(inputs.images, training=True)
            if self.unlabeled == "mixed":
                apart = self._unlabeled_cost(inputs.unlabeled)
            loss = self._record(
                y, logits, sample_weight, inputs.teacher, apart, self.class_weight
            )
            cost = self._scaled(loss, logits[0])
        self._descend(tape, cost)
        self.compute_metrics(inputs.images, y, logits[-1], sample_weight)
        return self.get_metrics_result()

    def test_step(self, data):
        """One batch of `evaluate`."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_labels(y)
        images = Inputs.of(x).images
        logits = self.predictor_logits(images)
        self._record(y, logits, sample_weight)
        results = self.compute_metrics(images, y, logits[-1], sample_weight)
        # A running mean says something of a training epoch only.
        return {k: v for k, v in results.items() if not k.endswith("_running")}

    def predict_step(self, data):
        """One batch of `predict`."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(Inputs.of(x).images, training=False)

    def _check_labels(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} needs labels to be trained and measured, and "
                "got none: pass them as y, or as the second part of each batch"
            )

    def _scaled(self, cost, batch):
        """The cost that gradients are taken of: a replica's share, scaled (float16).

        Args:
            cost: a mean over this replica's share of the batch.
            batch: anything `[share, ...]`.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return self.optimizer.scale_loss(cost * (_share(batch) / replicas))

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

    def _record(
        self, y, logits, sample_weight, teacher=(), unlabeled_cost=None, by_class=None
    ):
        """Computes and records all errors and costs.

        Args:
            y: labels: integers `[batch]` or `[batch, 1]`, or distributions
                `[batch, classes]`.
            logits: of all predictors, each `[batch, classes]`.
            sample_weight: None or `[batch]`, weighs the costs against the labels.
            teacher, unlabeled_cost: as for `total_cost`.
            by_class: None or a weight for each class, of the total cost alone.

        Returns:
            The total cost, a scalar.
        """
        stacked = tf.stack(logits)
        errors, costs = metrics.errors_and_costs(y, stacked, sample_weight)
        count = len(self.members)
        apart = 0.0 if unlabeled_cost is None else unlabeled_cost
        labels = metrics.class_labels(y, logits[0].shape[-1])
        weights = sample_weight
        if weights is not None:
            weights = tf.reshape(tf.cast(weights, costs.dtype), [-1])
        minimised = costs
        if by_class is not None:
            of_class = tf.gather(tf.constant(by_class, costs.dtype), labels)
            weights = of_class if weights is None else weights * of_class
            _, minimised = metrics.errors_and_costs(y, stacked, weights)
        totals = self.total_cost(
            minimised[:count], logits[:count], labels, weights, teacher, apart
        )
        per_predictor = tf.reshape(tf.stack([errors, costs], axis=1), [-1])
        self.statistics.update_state(
            tf.concat([per_predictor, list(totals.values())], axis=0),
            tf.shape(logits[0])[0],
            _share(logits[0]),
        )
        return totals["loss"]

    @property
    def metrics(self):
        # "loss" is among the statistics; Keras's own tracker would shadow it.
        return [metric for metric in super().metrics if metric.name != "loss"]


class FewStatistics(keras.callbacks.ProgbarLogger):
    """Keras's line of a step and of an epoch, without some of the statistics."""

    def __init__(self, hidden):
        super().__init__()
        self._hidden = hidden | {f"val_{name}" for name in hidden}

    def _shown(self, logs):
        return {k: v for k, v in (logs or {}).items() if k not in self._hidden}

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, self._shown(logs))

    def on_test_batch_end(self, batch, logs=None):
        super().on_test_batch_end(batch, self._shown(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, self._shown(logs))

    def on_test_end(self, logs=None):
        super().on_test_end(self._shown(logs))


def _share(batch):
    """How much of a batch this device has, times the number of devices; 1 for one."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas == 1:
        return 1.0
    count = tf.cast(tf.shape(keras.tree.flatten(batch)[0])[0], tf.float32)
    context = tf.distribute.get_replica_context()
    if context is None:
        return 1.0
    everywhere = context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return tf.math.divide_no_nan(replicas * count, everywhere)
