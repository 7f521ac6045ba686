"""What Keras users do with an ensemble, as with any of their models."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from small_models import compiled, ensemble, fit, linear

from collaborative import EnsembleModel, Inputs, SingleModel

pytestmark = pytest.mark.eager
LAYERS = keras.layers


def test_evaluate_gives_the_loss_first_by_the_names_that_it_says(images_and_labels):
    model = compiled(ensemble())
    values = model.evaluate(*images_and_labels, verbose=0)
    named = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    assert dict(zip(model.metrics_names, values, strict=True)) == pytest.approx(named)
    costs = [named["a_cost"], named["b_cost"]]
    wanted = sum(costs) + 0.1 * named["collaboration_cost"] + named["weight_decay"]
    assert values[0] == pytest.approx(wanted, rel=1e-5)


def test_callbacks_know_that_less_is_better(images_and_labels):
    model = compiled(ensemble(), optimizer=keras.optimizers.SGD(0.0))
    stopping = keras.callbacks.EarlyStopping("val_ensemble_error", patience=1)
    reducing = keras.callbacks.ReduceLROnPlateau("b_cost", patience=1)
    history = model.fit(
        *images_and_labels, validation_data=images_and_labels, epochs=5, verbose=0,
        callbacks=[stopping, reducing],
    )  # fmt: skip
    assert len(history.epoch) == 2  # nothing changes with a learning rate of 0


def test_the_line_of_a_step_shows_few_and_the_history_all(images_and_labels, capfd):
    model = compiled(ensemble())
    history = model.fit(*images_and_labels, verbose=2).history
    shown = capfd.readouterr().out
    assert "loss:" in shown and "ensemble_error:" in shown and "a_error:" in shown
    assert "a_cost" not in shown and "running" not in shown
    assert {"a_cost", "a_cost_running", "weight_decay"} <= set(history)


def test_a_loss_is_refused_by_compile_and_the_model_lives_on(images_and_labels):
    model = ensemble()
    for wrong in ({"loss": "mse"}, {"loss": keras.losses.MeanSquaredError()}):
        with pytest.raises(ValueError, match="compile it without loss"):
            model.compile("adam", **wrong)
    with pytest.raises(ValueError, match="compile it without loss"):
        model.compile("adam", "mse")
    compiled(model).fit(*images_and_labels, verbose=0)


@pytest.mark.eager(False)
def test_evaluate_and_predict_take_what_fit_takes(images_and_labels):
    images, labels = images_and_labels
    teacher = np.random.default_rng(0).normal(size=(96, 3)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((images, teacher, labels)).batch(32)
    batches = batches.map(lambda x, t, y: (Inputs(x, (), t), y))
    model = compiled(SingleModel(linear("a"), method="KL", alpha=1.0))
    model.fit(batches, validation_data=batches, verbose=0)
    bare = model.evaluate(images, labels, verbose=0)
    assert model.evaluate(batches, verbose=0) == pytest.approx(bare)
    np.testing.assert_array_equal(
        model.predict(batches, verbose=0), model.predict(images, verbose=0)
    )
    with pytest.raises(ValueError, match="needs labels to be trained and measured"):
        model.evaluate(images, verbose=0)


def test_members_that_share_a_trunk_are_saved_with_it(tmp_path, images_and_labels):
    inputs = keras.Input((8, 8, 1))
    trunk = LAYERS.Dense(4, "relu", name="trunk")(LAYERS.Flatten()(inputs))
    members = [keras.Model(inputs, LAYERS.Dense(3)(trunk), name=name) for name in "ab"]
    model = compiled(EnsembleModel(members))
    model.fit(*images_and_labels, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = images_and_labels[0]
    np.testing.assert_array_equal(loaded(images), model(images))
    assert len(loaded.trainable_variables) == len(model.trainable_variables) == 6
    first, second = (member.get_layer("trunk") for member in loaded.members)
    assert first is second


def test_members_may_have_been_compiled_with_a_loss_of_one_s_own(tmp_path):
    def own(y, g):
        return tf.reduce_sum((y - g) ** 2, axis=-1)

    members = [linear("a"), linear("b")]
    members[0].compile("adam", loss=own)
    EnsembleModel(members).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.members[0].get_weights()[0], members[0].get_weights()[0]
    )


def two_outputs():
    inputs = keras.Input((8, 8, 1))
    flat = LAYERS.Flatten()(inputs)
    return keras.Model(inputs, [LAYERS.Dense(3)(flat), LAYERS.Dense(3)(flat)], name="a")


def dict_outputs():
    inputs = keras.Input((8, 8, 1))
    return keras.Model(
        inputs, {"g": LAYERS.Dense(3)(LAYERS.Flatten()(inputs))}, name="a"
    )


def autoencoder():
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, LAYERS.Conv2D(1, 3, padding="same")(inputs), name="a")


def ending_in(*layers):
    return keras.Sequential(
        [keras.Input((8, 8, 1)), LAYERS.Flatten(), *layers], name="a"
    )


@pytest.mark.parametrize(
    "member, message",
    [
        (two_outputs, "must give one output of logits"),
        (dict_outputs, "must give one output of logits"),
        (autoencoder, "must give one output of logits"),
        (lambda: linear("a", classes=1), "a logit for each of two classes or more"),
        (lambda: linear("collaboration"), "none of them .*'collaboration'"),
        (lambda: ending_in(LAYERS.Dense(3), LAYERS.Softmax()), "leave the softmax"),
        (
            lambda: ending_in(LAYERS.Dense(3, activation="sigmoid")),
            "leave the softmax or sigmoid at its end out",
        ),
        (lambda: LAYERS.Dense(3), "members must be Keras models, got <Dense"),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 9, 1)), LAYERS.Flatten(), LAYERS.Dense(3)], name="a"
            ),
            r"must all take the same inputs, got .*\(None, 8, 9, 1\)",
        ),
    ],
)
def test_members_that_cannot_be(member, message):
    with pytest.raises(ValueError, match=message):
        EnsembleModel([member(), linear("b")])


def test_a_member_may_have_a_fixed_batch(images_and_labels):
    inputs = keras.Input(batch_shape=(32, 8, 8, 1))
    fixed = keras.Model(inputs, LAYERS.Dense(3)(LAYERS.Flatten()(inputs)), name="a")
    model = compiled(EnsembleModel([fixed, linear("b")]))
    assert len(fit(model, images_and_labels).history["a_error"]) == 1


@pytest.mark.slow
def test_floats_of_64_bits(python):
    code = (
        "import keras, numpy as np; keras.config.set_floatx('float64')\n"
        "import sys; sys.path[:0] = ['.', 'tests']\n"
        "from small_models import compiled, ensemble\n"
        "x, y = np.random.rand(32, 8, 8, 1), np.arange(32) % 3\n"
        "loss = compiled(ensemble()).fit(x, y, verbose=0).history['loss'][0]\n"
        "assert np.isfinite(loss)"
    )
    done = python("-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


SHARES = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import keras
from small_models import ensemble
rng = np.random.default_rng(0)
images = rng.normal(size=(33, 8, 8, 1)).astype("float32")
labels = rng.integers(0, 3, 33)
found = []
for devices in (1, 2):
    strategy = tf.distribute.get_strategy()
    if devices == 2:
        strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
    with strategy.scope():
        model = ensemble()
        eager = {"run_eagerly": devices == 1}  # quicker than graphs for few steps
        model.compile(keras.optimizers.SGD(0.01), jit_compile=False, **eager)
    # The last batches have one image, so that one of two devices has none.
    history, tested = {}, []
    for weights in (None, np.arange(33) % 3.0):
        data = {"x": images, "y": labels, "sample_weight": weights, "verbose": 0}
        fitted = model.fit(**data, batch_size=8, shuffle=False)
        history |= {(name, weights is None): v for name, v in fitted.history.items()}
        tested += model.evaluate(**data, batch_size=16)
    found.append((history, tested, [np.asarray(w) for w in model.trainable_variables]))
(one, one_tested, one_weights), (two, two_tested, two_weights) = found
for name in one:
    np.testing.assert_allclose(two[name], one[name], rtol=1e-4, err_msg=str(name))
np.testing.assert_allclose(two_tested, one_tested, rtol=1e-4)
for a, b in zip(one_weights, two_weights, strict=True):
    np.testing.assert_allclose(b, a, atol=1e-5)
"""


@pytest.mark.slow
def test_shares_of_a_batch_count_by_their_sizes(python):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": paths}
    done = python("-c", SHARES, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("label", [pytest.param(3, marks=pytest.mark.eager(False)), -1])
def test_labels_that_are_no_class_are_one_line(label):
    model = compiled(ensemble())
    images = np.zeros((4, 8, 8, 1), np.float32)
    labels = np.array([0, 1, 2, label])
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=rf"from 0 to 2, .*, got {label}: number"):
            call(images, labels, verbose=0)
