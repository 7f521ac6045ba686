"""What Keras users do, with a model of ours and with a plain one that does the same.

The plain model gives the logits of all its members, `[batch, members, classes]`, and is
compiled with a loss that says the total cost of each image. What Keras then does with
it is what the contract wants of ours.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from collaborative import EnsembleModel, SingleModel

ALPHA = 0.1
RATE = 0.1  # of learning
KINDS = {"ensemble": ("a", "b"), "single": ("a",)}


def dense(name, *further, **kwargs):
    """A member: 4 features to 3 logits."""
    units = {"a": 3, "b": 5}[name]
    initial = [keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2)]
    hidden = keras.layers.Dense(
        units, "tanh", kernel_initializer=initial[0], name="hidden", **kwargs
    )
    logits = keras.layers.Dense(3, kernel_initializer=initial[1], name="logits")
    return keras.Sequential([keras.Input((4,)), hidden, *further, logits], name=name)


def two_inputs(name):
    """A member with a dict of inputs."""
    inputs = _two()
    both = keras.layers.Concatenate()(list(inputs.values()))
    return keras.Model(inputs, dense(name)(both), name=name)


def _two():
    return {name: keras.Input((2,), name=name) for name in ("left", "right")}


def half_by_half(x):
    """Features as `two_inputs` takes them."""
    return {"left": x[:, :2], "right": x[:, 2:]}


@functools.cache
def examples():
    """Features `[36, 4]`, labels, and weights of which each third one is 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(36, 4)).astype(np.float32)
    weights = rng.uniform(0.5, 3, 36).astype(np.float32) * (np.arange(36) % 3 > 0)
    return x, rng.integers(0, 3, 36), weights


def total(alpha):
    """The loss of a plain model: the total cost of each image."""

    def total_cost(y, g):
        costs, g = tf.reduce_sum(_costs(y, g), axis=1), tf.cast(g, tf.float32)
        if g.shape[1] == 1:
            return costs
        return costs + alpha * tf.reduce_sum((g[:, 0] - g[:, 1]) ** 2, axis=1)

    return total_cost


def _costs(y, g):
    labels = tf.repeat(_column(y), g.shape[1], axis=1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(g, "float32"))


def _column(y):
    return tf.reshape(tf.cast(y, tf.int64), [-1, 1])


def _metrics(names):
    """The metrics of a plain model by the names that ours have."""
    for place, name in enumerate((*names, "ensemble")):
        if name == "ensemble" and len(names) == 1:
            return

        def own(g, place=place):
            mean = tf.reduce_mean(g, axis=1, keepdims=True)
            return tf.concat([g, mean], axis=1)[:, place : place + 1]

        def error(y, g, own=own):
            return tf.cast(tf.argmax(own(g), axis=2) != _column(y), tf.float32)

        def cost(y, g, own=own):
            return _costs(y, own(g))

        for function in (error, cost):
            called = f"{name}_{function.__name__}"
            yield keras.metrics.MeanMetricWrapper(function, name=called)


def made(kind, is_plain, members=dense, alpha=ALPHA):
    """A new model of new members, always the same."""
    inputs = _two() if members is two_inputs else keras.Input((4,))
    members = [members(name) for name in KINDS[kind]]
    if not is_plain:
        if kind == "single":
            return SingleModel(members[0], alpha=alpha)
        return EnsembleModel(members, "L2", alpha)
    logits = keras.ops.stack([member(inputs) for member in members], axis=1)
    return keras.Model(inputs, logits)


def compiled(model, kind, is_plain, alpha=ALPHA, **kwargs):
    if is_plain:
        kwargs["loss"] = total(alpha)
        kwargs["weighted_metrics"] = list(_metrics(KINDS[kind]))
        kwargs.setdefault("run_eagerly", True)  # of one row no step is to be traced
    kwargs.setdefault("optimizer", keras.optimizers.SGD(RATE))
    model.compile(jit_compile=False, **kwargs)
    return model


@functools.cache
def _shared(kind, is_plain):
    """A compiled model, whose steps are traced once for all, and its first weights."""
    model = compiled(made(kind, is_plain), kind, is_plain, run_eagerly=False)
    return model, model.get_weights()


class Case:
    """A model, ours or plain, on which a row of the contract is done.

    Attributes:
        model: compiled, and untrained.
        folder: for files.
    """

    def __init__(self, kind, is_plain, folder, members=None):
        self.kind, self.is_plain, self.folder = kind, is_plain, folder
        self.members = members or dense
        self.best = KINDS[kind][0] if kind == "single" else "ensemble"
        if members or keras.config.dtype_policy().name != "float32":
            self.make()
            return
        self.model, weights = _shared(kind, is_plain)
        self.model.set_weights(weights)
        self.model.optimizer.learning_rate = RATE
        self.model.optimizer.iterations.assign(0)

    def make(self, **kwargs):
        """A model that is compiled in another way."""
        model = made(self.kind, self.is_plain, self.members)
        self.model = compiled(model, self.kind, self.is_plain, **kwargs)

    def fit(self, x, y=None, sample_weight=None, **kwargs):
        """The history of two epochs, or of as many as are said."""
        kwargs = {"epochs": 2, "verbose": 0, "shuffle": False} | kwargs
        if isinstance(x, np.ndarray | dict):
            kwargs = {"batch_size": 18} | kwargs
        return self.model.fit(x, y, sample_weight=sample_weight, **kwargs).history

    def evaluate(self, x, y, sample_weight=None):
        return self.model.evaluate(
            x, y, 18, verbose=0, sample_weight=sample_weight, return_dict=True
        )

    def prediction(self, logits):
        """What a model says, of what it gives."""
        logits = np.asarray(logits, np.float32)
        return logits.mean(axis=1) if self.is_plain else logits


def assert_same(found, wanted, rtol, place=""):
    """Compares numbers in dicts and lists; `found` may have further keys."""
    if isinstance(wanted, dict):
        assert set(wanted) <= set(found), f"{place}: {set(wanted) - set(found)}"
        for name, value in wanted.items():
            assert_same(found[name], value, rtol, f"{place}/{name}")
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted), place
        for number, pair in enumerate(zip(found, wanted, strict=True)):
            assert_same(*pair, rtol, f"{place}/{number}")
    elif isinstance(wanted, str | None):
        assert found == wanted, place
    else:
        np.testing.assert_allclose(found, wanted, rtol, rtol, err_msg=place)
