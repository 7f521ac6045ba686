"""What is measured of each member and of the ensemble (section 2.1, remark 5.1)."""

from __future__ import annotations

import types

import keras
import tensorflow as tf

from collaborative.collaboration import batch_mean
from collaborative.nn import replicas
from collaborative.nn.labels import are_distributions, class_labels

RUNNING_DECAY = 0.95  # of the running means of remark 5.1, as in the author's code


def errors_and_costs(y, logits):
    """Errors, and costs CE(y, f) of section 2.0.1, of several predictors on one batch.

    Args:
        y: labels: integers `[batch]` or `[batch, 1]`, or distributions
            `[batch, classes]`.
        logits: `[predictors, batch, classes]`.

    Returns:
        1 where an image is misclassified and else 0, and cross-entropies, each
        `[predictors, batch]`.
    """
    predictors, classes = logits.shape[0], logits.shape[-1]
    labels = class_labels(y, classes)[None]

    def of_distributions():
        target = tf.reshape(tf.cast(y, logits.dtype), [tf.shape(y)[0], -1])
        target = tf.broadcast_to(target, tf.shape(logits))
        return tf.nn.softmax_cross_entropy_with_logits(target, logits)

    def of_labels():
        target = tf.tile(labels, [predictors, 1])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)

    distributions = are_distributions(y, classes)
    if tf.is_tensor(distributions):
        costs = tf.cond(distributions, of_distributions, of_labels)
    else:
        costs = of_distributions() if distributions else of_labels()
    return tf.cast(tf.argmax(logits, axis=-1) != labels, costs.dtype), costs


def smoothed(costs, logits, smoothing):
    """Cross-entropies with labels of which all classes share a part.

    Args:
        costs: cross-entropies with the labels themselves, `[predictors, batch]`.
        logits: `[predictors, batch, classes]`.
        smoothing: that part, from 0 to below 1.
    """
    uniform = tf.reduce_mean(-tf.nn.log_softmax(logits), axis=-1)
    return (1 - smoothing) * costs + smoothing * uniform


def small_loss_weights(costs, left_out):
    """Weights of images that leave those of the largest costs out of a mean.

    Args:
        costs: `[..., batch]`.
        left_out: which part of them, from 0 to below 1, a scalar.

    Returns:
        `[..., batch]`: 0 for these, and for the others, at least one, what makes the
        mean of all weights 1.
    """
    batch = tf.shape(costs)[-1]
    count = tf.cast(batch, costs.dtype)
    kept = tf.maximum(1.0, count - tf.round(left_out * count))
    ranks = tf.argsort(tf.argsort(costs, axis=-1, stable=True), axis=-1)
    return tf.where(tf.cast(ranks, costs.dtype) < kept, count / kept, 0.0)


def mean_by_weight(values, weights):
    """Mean over the last axis, the images; those of weight 0 count nowhere.

    Args:
        values: `[..., batch]`.
        weights: of the images, `[batch]`; None: all 1.
    """
    if weights is None:
        return batch_mean(values)
    weighed = tf.reduce_sum(values * weights, axis=-1)
    return tf.math.divide_no_nan(weighed, tf.reduce_sum(weights))


class Statistics(keras.metrics.Metric):
    """Several scalars at once: means over an epoch, and the paper's running means.

    One vector update a step costs a fraction of one `keras.metrics.Mean` a scalar.

    Args:
        names: names of the scalars.
        running: for how many of them, from the first, `result` has a second scalar
            with `_running` behind its name: the mean that weighs the newest batch
            with 0.05. Weights of images weigh these, and no others.
    """

    def __init__(self, names, running, name="statistics"):
        super().__init__(name=name, dtype="float32")
        self.names = list(names)
        self.running_names = [f"{name}_running" for name in names[:running]]
        shape = (len(self.names),)
        self.total = self.add_variable(shape, "zeros", "float32", name="total")
        self.count = self.add_variable((), "zeros", "float32", name="count")
        self.running = self.add_variable(
            (running,), "zeros", "float32", aggregation="mean", name="running"
        )
        # By how much the weights exceed the count. Hidden from Keras, so that what is
        # saved has the same variables as ever: it is 0 at the beginning of an epoch.
        excess = keras.Variable(
            "zeros", (), "float32", trainable=False, aggregation="sum",
            synchronization="on_read", name="excess",
        )  # fmt: skip
        self._hidden = types.MappingProxyType({"excess": excess})
        self._is_weighed = False  # whether an update had weights

    def record(self, values, batch, weights=None):
        """Adds the means `values` of a batch, as this device has it.

        Args:
            batch: anything `[share, ...]`.
            weights: of its images in their errors and costs, `[share]`, or None.
        """
        images = tf.shape(batch)[0]
        if weights is None:
            self.update_state(values, images, replicas.share(batch))
        else:
            self._update_weighed(values, images, tf.reduce_sum(weights))

    def update_state(self, values, count, share=1.0):
        """Adds the means `values` `[len(names)]` of a batch of `count` images.

        Args:
            share: of this device in the batch, times the number of devices.
        """
        count = tf.cast(count, tf.float32)
        values = tf.cast(values, tf.float32)
        decay = tf.where(self.count > 0, RUNNING_DECAY, 0.0)
        self._run(decay, share, values)
        self.total.assign_add(values * count)
        self.count.assign_add(count)

    def _update_weighed(self, values, count, weight):
        """As `update_state`, where the first values are means by weights of images.

        Args:
            weight: the sum of the weights of this device's images.
        """
        everywhere = replicas.everywhere(weight)
        self._is_weighed = True
        count, excess = tf.cast(count, tf.float32), self._hidden["excess"]
        values = tf.cast(values, tf.float32)
        before = tf.convert_to_tensor(self.count) + tf.convert_to_tensor(excess)
        decay = tf.where(before > 0, RUNNING_DECAY, 0.0)
        decay = tf.where(everywhere > 0, decay, 1.0)
        share = tf.math.divide_no_nan(replicas.count() * weight, everywhere)
        self._run(decay, share, values)
        self.total.assign_add(values * self._amounts(weight, count))
        self.count.assign_add(count)
        excess.assign_add(weight - count)

    def _run(self, decay, share, values):
        newest = values[: len(self.running_names)]
        self.running.assign(decay * self.running + (1 - decay) * share * newest)

    def _amounts(self, weight, count):
        """What the means count by, `[len(names)]`: the running ones by the weight."""
        by_weight = len(self.running_names)
        others = len(self.names) - by_weight
        return tf.repeat(tf.stack([weight, count]), [by_weight, others])

    def reset_state(self):
        super().reset_state()
        if self._is_weighed:
            self._hidden["excess"].assign(0.0)

    @property
    def all_names(self):
        """Names of all that `result` can give."""
        return [*self.names, *self.running_names]

    def means(self):
        """Epoch means: dict of scalars by name."""
        counts = self.count
        if self._is_weighed:
            counts = tf.convert_to_tensor(self.count)
            excess = tf.convert_to_tensor(self._hidden["excess"])
            counts = self._amounts(counts + excess, counts)
        means = tf.math.divide_no_nan(self.total, counts)
        named = dict(zip(self.names, tf.unstack(means), strict=True))
        return {"loss": named["loss"]} | named  # first, as Keras has it

    def result(self):
        """Epoch means and running means: dict of scalars by name."""
        running = tf.unstack(tf.convert_to_tensor(self.running))
        return self.means() | dict(zip(self.running_names, running, strict=True))
