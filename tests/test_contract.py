"""The contract with Keras's users: training and measuring.

Each row is something that they do. It is done to an ensemble of two members, to a
single network, and to plain Keras models that minimise the same: what comes out, the
weights and the predictions must be alike. Saving and tools: `test_contract_saving`.
A single network's rows are slow where it runs the very code of an ensemble; quick are
those of its own names, its one prediction, and how it is made again from a file.
"""

import contextlib
import csv
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import KINDS, Case, assert_same, dense, examples, half_by_half, two_inputs

callbacks = keras.callbacks
ROWS = {}
WEIGHED = examples()
PLAIN = WEIGHED[:2]


def row(use=None, **settings):
    """Adds a function of a `Case` to the contract.

    Args:
        members: what makes a member of its name.
        policy: of the dtypes, for all layers.
        single: whether it is quick for a single network too.
        eager: whether the quick tests trace no graph for it.
        rtol: how far what comes out may be apart.
    """
    if use is None:
        return functools.partial(row, **settings)
    ROWS[use.__name__] = settings | {"use": use}
    return use


@row(single=True)
def fit_and_evaluate(case):
    return case.fit(*PLAIN, validation_data=PLAIN), case.evaluate(*PLAIN)


@row(single=True)
def sample_weights_in_fit_and_evaluate(case):
    return case.fit(*WEIGHED, validation_data=WEIGHED), case.evaluate(*WEIGHED)


@row(eager=True)
def class_weights_in_fit(case):
    return case.fit(*PLAIN, class_weight={0: 0.0, 1: 2.0, 2: 0.5})


@row(single=True)
def train_test_and_predict_on_batch(case):
    x, y, weights = WEIGHED
    if case.is_plain:
        case.make()  # so that nothing is traced for one call each
    return (
        case.model.train_on_batch(x, y, return_dict=True),
        case.model.train_on_batch(x, y, sample_weight=weights, return_dict=True),
        case.model.test_on_batch(x, y, weights, return_dict=True),
        case.prediction(case.model.predict_on_batch(x)),
        case.prediction(case.model.predict(x, verbose=0)),
    )


@row(single=True)
def the_same_without_a_graph(case):
    case.make(run_eagerly=True)  # Keras then hands NumPy's arrays on as they are
    return train_test_and_predict_on_batch(case)


@row
def tf_data_of_three_parts(case):
    batches = tf.data.Dataset.from_tensor_slices(WEIGHED).batch(16)
    return case.fit(batches, validation_data=batches)


@row(eager=True)
def a_generator(case):
    def batches():
        while True:
            for i in (0, 12, 24):
                yield tuple(part[i : i + 12] for part in WEIGHED)

    return case.fit(batches(), steps_per_epoch=3)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return tuple(part[18 * i : 18 * i + 18] for part in WEIGHED)


@row(eager=True)
def a_py_dataset(case):
    return case.fit(Batches(), validation_data=Batches())


@row(members=two_inputs, single=True, eager=True)
def inputs_in_a_dict(case):
    x, y, weights = WEIGHED
    return case.fit(half_by_half(x), y, weights)


@row
def several_steps_per_execution(case):
    case.make(steps_per_execution=2)
    return case.fit(*WEIGHED, batch_size=12)


@row(
    eager=True,
    members=lambda name: dense(name, keras.layers.ActivityRegularization(l2=0.1)),
)
def what_members_add_to_the_loss(case):
    return case.fit(*PLAIN, validation_data=PLAIN)


@row(
    eager=True,
    members=lambda name: dense(name, kernel_regularizer="l2", bias_regularizer="l1"),
)
def regularizers_of_members(case):
    return case.fit(*WEIGHED, validation_data=PLAIN)


class Activity(keras.layers.Layer):
    """A layer with a metric of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = keras.metrics.Mean(name="activity")

    def call(self, x):
        self.mean.update_state(tf.abs(x))
        return x


@row(eager=True, members=lambda name: dense(name, *[Activity()] * (name == "a")))
def metrics_of_members(case):
    return case.fit(*PLAIN, validation_data=PLAIN)


def right(y, g):
    g = tf.reduce_mean(g, axis=1) if len(g.shape) == 3 else g
    return tf.argmax(g, axis=-1) == tf.reshape(tf.cast(y, tf.int64), [-1])


@row(eager=True)
def metrics_of_the_user(case):
    case.make(metrics=[keras.metrics.MeanMetricWrapper(right, "right")])
    return case.fit(*WEIGHED, validation_data=WEIGHED)


@row
def TerminateOnNaN(case):
    x, y, _ = WEIGHED
    x = np.where(np.arange(36)[:, None] == 20, np.nan, x)
    case.fit(x, y, batch_size=12, callbacks=[callbacks.TerminateOnNaN()])
    return int(case.model.optimizer.iterations), case.model.stop_training


@row
def LearningRateScheduler(case):
    halved = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    return case.fit(*PLAIN, callbacks=[halved])


@row
def ReduceLROnPlateau(case):
    plateau = callbacks.ReduceLROnPlateau(
        f"val_{case.best}_error", factor=0.5, patience=1, min_delta=1.0, mode="min"
    )
    return case.fit(*PLAIN, callbacks=[plateau], validation_data=PLAIN, epochs=4)


@row(single=True)
def EarlyStopping(case):
    case.model.optimizer.learning_rate = 2.0
    stopping = callbacks.EarlyStopping(
        f"val_{case.best}_error", patience=1, mode="min", restore_best_weights=True
    )
    history = case.fit(*PLAIN, callbacks=[stopping], validation_data=PLAIN, epochs=9)
    return history, stopping.best_epoch, stopping.stopped_epoch


@row
def CSVLogger(case):
    logger = callbacks.CSVLogger(case.folder / "log.csv")
    case.fit(*WEIGHED, callbacks=[logger], validation_data=WEIGHED)
    with open(case.folder / "log.csv", newline="") as file:
        return [{k: float(v) for k, v in one.items()} for one in csv.DictReader(file)]


@row
def ModelCheckpoint_of_weights(case):
    case.model.optimizer.learning_rate = 2.0
    path = case.folder / "best.weights.h5"
    keeper = callbacks.ModelCheckpoint(
        path, f"val_{case.best}_error", save_best_only=True, save_weights_only=True,
        mode="min",
    )  # fmt: skip
    history = case.fit(*PLAIN, callbacks=[keeper], validation_data=PLAIN, epochs=4)
    case.model.load_weights(path)
    return history


@row(single=True)
def ModelCheckpoint_of_models(case):
    case.model.optimizer.learning_rate = 2.0
    path = case.folder / "best.keras"
    keeper = callbacks.ModelCheckpoint(
        path, f"val_{case.best}_error", save_best_only=True, mode="min"
    )
    case.fit(*PLAIN, callbacks=[keeper], validation_data=PLAIN, epochs=4)
    best = keras.models.load_model(path, compile=not case.is_plain)
    return case.prediction(best(WEIGHED[0]))


@row(eager=True)
def SwapEMAWeights(case):
    case.make(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
    return case.fit(*PLAIN, callbacks=[swap], validation_data=PLAIN)


@row
def TensorBoard_with_histograms(case):
    board = callbacks.TensorBoard(
        case.folder / "board", histogram_freq=1, write_graph=False, update_freq=1
    )
    case.fit(*PLAIN, callbacks=[board], validation_data=PLAIN)
    found = {}
    for file in (case.folder / "board").glob("*/*.v2"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            found |= {f"{file.parent.name}/{v.tag}": 0 for v in event.summary.value}
    return found


@row(policy="mixed_bfloat16", rtol=0.02, eager=True)
def mixed_bfloat16(case):
    return case.fit(*WEIGHED)


@row(policy="mixed_float16", rtol=0.01)
def mixed_float16(case):
    return case.fit(*WEIGHED), float(case.model.optimizer.dynamic_scale)


@row(policy="float64", eager=True)
def floats_of_64_bits(case):
    return case.fit(*WEIGHED, validation_data=WEIGHED)


@row(eager=True)
def gradient_accumulation(case):
    case.make(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    return case.fit(*WEIGHED)


@row(eager=True)
def keras_distribution(case):
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        case.make()
        return case.fit(*WEIGHED)
    finally:
        keras.distribution.set_distribution(None)


@row
def a_mirrored_strategy(case):
    one = tf.distribute.MirroredStrategy(["CPU:0"])
    with contextlib.nullcontext() if case.is_plain else one.scope():
        case.make()
    return case.fit(*WEIGHED)


@pytest.fixture
def policy():
    """Sets a dtype policy, or the type of all floats, for one row."""
    before = keras.config.floatx(), keras.config.dtype_policy()

    def set_to(name):
        if name == "float64":
            keras.config.set_floatx(name)
        keras.config.set_dtype_policy(name)

    yield set_to
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def rows():
    """Each row for each kind of model."""
    for name, settings in ROWS.items():
        for kind in KINDS:
            is_slow = kind == "single" and not settings.get("single")
            marks = [pytest.mark.slow] * is_slow
            marks += [pytest.mark.eager] * settings.get("eager", False)
            yield pytest.param(name, kind, marks=marks, id=f"{name}-{kind}")


@pytest.mark.parametrize("name, kind", list(rows()))
def test_as_plain_keras(name, kind, policy, tmp_path):
    """What comes out, the weights and the predictions."""
    settings = ROWS[name]
    policy(settings.get("policy", "float32"))
    found = []
    for is_plain in (True, False):
        folder = tmp_path / ("plain" if is_plain else "ours")
        folder.mkdir()
        case = Case(kind, is_plain, folder, settings.get("members"))
        result = settings["use"](case)
        weights = [v.numpy() for v in case.model.trainable_variables]
        x = WEIGHED[0]
        x = half_by_half(x) if case.members is two_inputs else x
        found.append((result, weights, case.prediction(case.model(x))))
    assert_same(found[1], found[0], settings.get("rtol", 1e-4))
