"""The steps that train and measure several networks at once.

`Steps` takes a batch apart, computes the members' logits, records errors and costs, and
descends the gradient. What is minimised is said in `models`, where the paper's
equations are; what a person calls is in `classifier`.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from collaborative.collaboration import batch_mean
from collaborative.data.examples import Inputs
from collaborative.nn import metrics, outputs, replicas
from collaborative.nn.frozen import is_frozen
from collaborative.nn.labels import class_labels, image_weights
from collaborative.nn.members import check_kind, check_returned


class Steps(keras.Model):
    """A model whose `members` one step trains; see `classifier.Classifier`."""

    unlabeled = None  # how images without labels come into a step, if there are any
    label_smoothing = 0.0  # of what is minimised
    _unseen = ()  # names of members that may turn out to give no logits
    steps_of_a_call = 1  # of `train_step`, at most
    _gather = None  # makes a step's examples of its keys, where the model does that

    def total_cost(
        self, costs, logits, labels, weights=None, teacher=(), unlabeled_cost=0.0
    ):
        """What a step minimises: dict of the scalars named `totals`.

        Args:
            costs: mean cross-entropies of the members, `[members]`.
            logits: of the members, each `[batch, classes]`.
            labels: integers `[batch]`.
            weights: of the images, `[batch]`, or None.
            teacher: logits of a teacher, `[batch, classes]`, or ().
            unlabeled_cost: collaboration cost on images without labels, a scalar.
        """
        raise NotImplementedError("a subclass says what is minimised")

    def training_weights(self, costs, labels, given):
        """Weights of the images in what a training step minimises.

        Args:
            costs: cross-entropies of the members, `[members, batch]`.
            labels: integers `[batch]`.
            given: sample weights, `[batch]`, or None.

        Returns:
            `[batch]`, or `[members, batch]` where members have their own; None where
            all are 1.
        """
        return given

    def separate_cost(self, unlabeled_cost):
        """What a step on images without labels minimises, a scalar."""
        raise NotImplementedError("a subclass says what is minimised")

    def cost_without_labels(self, logits):
        """What is minimised besides the members' costs in a larger model, a scalar."""
        raise NotImplementedError("a subclass says what is minimised")

    def collaboration_cost(self, logits, labels=None, weights=None, teacher=()):
        """How far the members' logits are apart, a scalar; see `total_cost`."""
        raise NotImplementedError("a subclass says how it is measured")

    @property
    def predictor_names(self):
        """Names of those whose error and cost are measured: members, then ensemble."""
        return [member.name for member in self.members]

    def predictions(self, logits):
        """Logits of all predictors, from the members': members, then the ensemble."""
        return logits

    def member_logits(self, x, training=False, frozen=None):
        """Logits of each member: list of float32 tensors `[batch, classes]`.

        Args:
            x: images, as the members take them.
            training: whether batch normalisation uses the batch's moments; a frozen
                member's never does.
            frozen: what `frozen_logits` says of the same images, if it was asked.
        """
        frozen = self.frozen_logits(x) if frozen is None else frozen
        logits = [
            frozen[m.name] if m.name in frozen else m(x, training=training)
            for m in self.members
        ]
        self.built = True  # members build themselves when they are called
        check_returned(self.members, logits)
        return [tf.cast(g, tf.float32) for g in logits]

    def frozen_logits(self, x):
        """Logits of the members that are frozen, as at inference: a dict by name.

        A step asks for them outside its tape, which then records nothing of them.
        """
        frozen = [member for member in self.members if is_frozen(member)]
        return {member.name: member(x, training=False) for member in frozen}

    def predictor_logits(self, x, training=False, frozen=None):
        """Logits of all predictors: list of `[batch, classes]`, see `predictor_names`.

        Args:
            x, training, frozen: as for `member_logits`.
        """
        return self.predictions(self.member_logits(x, training, frozen))

    def hold(self, gather, size):
        """Lets the step gather its examples, and take many batches in one call.

        From then on `fit` takes blocks, (keys of several steps, how many are taken):
        the loop over them is part of what XLA compiles. A member's variables then stay
        on the device from step to step, and callbacks hear of blocks.

        Args:
            gather: from the keys of one step to its (x, y), as
                `batches.TrainingBatches.gatherer` gives it.
            size: how many steps a block has, at most.
        """
        self._gather, self.steps_of_a_call = gather, size

    def train_step(self, data):
        """One step of gradient descent on the total cost, for `fit`; or a block."""
        if self._gather is None:
            self._train_on(data)
        else:
            self._train_on_block(*data)
        return self.get_metrics_result()

    def _train_on_block(self, keys, count):
        def step(i):
            own = keras.tree.map_structure(lambda part: part[i], keys)
            self._train_on(self._gather(own))
            return [i + 1]

        tf.while_loop(lambda i: i < count, step, [tf.constant(0)])

    def _train_on(self, data):
        """Descends the gradient once, on one batch; twice with `separate` steps."""
        self._clear_losses()  # of calls by others
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_labels(y)
        inputs = Inputs.of(x)
        self._check_extras(inputs)
        self._check_kinds(inputs.images)
        apart = 0.0  # the collaboration cost on images without labels
        others = self.frozen_logits(inputs.unlabeled) if self.unlabeled else {}
        if self.unlabeled == "separate":
            with tf.GradientTape() as tape:
                apart = self._unlabeled_cost(inputs.unlabeled, others)
                cost = self._scaled(self.separate_cost(apart), inputs.unlabeled)
            self._descend(tape, cost)
        frozen = self.frozen_logits(inputs.images)
        with tf.GradientTape() as tape:
            logits = self.predictor_logits(inputs.images, True, frozen)
            if self.unlabeled == "mixed":
                apart = self._unlabeled_cost(inputs.unlabeled, others)
            loss = self._record(
                y, logits, sample_weight, inputs.teacher, apart, training=True
            )
            cost = self._scaled(loss, logits[0])
        self._descend(tape, cost)
        self.compute_metrics(inputs.images, y, logits[-1], sample_weight)

    def test_step(self, data):
        """One batch of `evaluate`."""
        self._clear_losses()  # of calls by others
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_labels(y)
        images = Inputs.of(x).images
        logits = self.predictor_logits(images)
        self._record(y, logits, sample_weight)
        results = self.compute_metrics(images, y, logits[-1], sample_weight)
        # A running mean says something of a training epoch only.
        return {k: v for k, v in results.items() if not k.endswith("_running")}

    def predict_step(self, data):
        """One batch of `predict` and `predict_all`: logits of all predictors."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return tuple(self.predictor_logits(Inputs.of(x).images))

    def _check_labels(self, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} needs labels to be trained and measured, and "
                "got none: pass them as y, or as the second part of each batch"
            )
        if not hasattr(y, "shape"):
            raise ValueError(
                f"{type(self).__name__} needs one array of labels, which all members "
                f"learn, and got a {type(y).__name__} of {len(y)}"
            )

    def _check_kinds(self, images):
        """Refuses members that give no logits, of those that did not say it before."""
        for name in self._unseen:
            check_kind(self[name], outputs.inputs_like(images))
        self._unseen = ()

    def _scaled(self, cost, batch):
        """The cost that gradients are taken of: a replica's share, scaled (float16).

        Args:
            cost: a mean over this replica's share of the batch.
            batch: anything `[share, ...]`.
        """
        share = replicas.share(batch) / replicas.count()
        return self.optimizer.scale_loss(cost * share)

    def _descend(self, tape, cost):
        """Updates the weights once, down the gradient of a cost recorded on a tape."""
        variables = self.trainable_variables
        if not variables:
            raise ValueError(
                "nothing is left to be trained, since all members are frozen: set "
                "trainable of one to True, and compile again"
            )
        gradients = tape.gradient(cost, variables)
        if all(gradient is None for gradient in gradients):
            return  # a step on images without labels, with alpha 0
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _unlabeled_cost(self, images, frozen):
        """Collaboration cost on images without labels: a scalar.

        They are normalized by their own moments, and leave no trace in the moments that
        the members use at inference.
        """
        members = [member for member in self.members if not is_frozen(member)]
        weights = [w for member in members for w in member.non_trainable_weights]
        before = [tf.identity(weight.value) for weight in weights]
        cost = self.collaboration_cost(self.member_logits(images, True, frozen))
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

    def _record(self, y, logits, sample_weight, teacher=(), apart=0.0, training=False):
        """Computes and records all errors and costs.

        Args:
            y: labels: integers `[batch]` or `[batch, 1]`, or distributions
                `[batch, classes]`.
            logits: of all predictors, each `[batch, classes]`.
            sample_weight: None, `[batch]` or `[batch, 1]`, of the images.
            teacher: as for `total_cost`.
            apart: the collaboration cost on images without labels, a scalar.
            training: whether `training_weights` and `label_smoothing` count, in the
                total cost alone.

        Returns:
            The total cost, a scalar.
        """
        stacked = tf.stack(logits)
        wrong, costs = metrics.errors_and_costs(y, stacked)
        labels = class_labels(y, logits[0].shape[-1])
        given = image_weights(sample_weight, costs.dtype)
        measured = [metrics.mean_by_weight(part, given) for part in (wrong, costs)]
        count = len(self.members)
        minimised, weights = costs[:count], given
        if training:
            weights = self.training_weights(minimised, labels, given)
        if training and self.label_smoothing:
            part = self.label_smoothing
            minimised = metrics.smoothed(minimised, stacked[:count], part)
        if weights is not None:
            minimised = minimised * weights
        totals = self.total_cost(
            batch_mean(minimised), logits[:count], labels, weights, teacher, apart
        )
        per_predictor = tf.reshape(tf.stack(measured, axis=1), [-1])
        in_order = [totals[name] for name in self.statistics.names[2 * len(logits) :]]
        values = tf.concat([per_predictor, in_order], axis=0)
        self.statistics.record(values, logits[0], given)
        return totals["loss"]
