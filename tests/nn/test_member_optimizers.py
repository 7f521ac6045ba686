"""An optimizer, a learning rate and weight decay for each member."""

import os

import keras
import numpy as np
import pytest
from collaborative.logger import Logger
from conftest import ROOT
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import models
from collaborative.nn import checkpoint

pytestmark = pytest.mark.eager
SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


def own(rate_a=0.01, rate_b=0.002):
    return {"a": SGD(rate_a, momentum=0.9), "b": Adam(rate_b)}


def assert_equal_weights(one, other):
    for left, right in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    "as_list", [pytest.param(False, marks=pytest.mark.eager(False)), True]
)
def test_each_member_is_trained_by_its_own(as_list, images_and_labels):
    optimizers = list(own().values()) if as_list else own()
    model = compiled(ensemble("Single"), optimizer=optimizers)
    fit(model, images_and_labels)
    for seed, (name, optimizer) in enumerate(own().items(), 1):
        alone = models.SingleModel(linear(name, seed=seed), weight_decay=0.01)
        fit(compiled(alone, optimizer=optimizer), images_and_labels)
        assert_equal_weights(model.members[seed - 1], alone)
    assert int(model.optimizer.iterations) == 3


def test_equal_ones_train_as_one_does(images_and_labels):
    one = compiled(ensemble(), optimizer=Adam(0.01))
    two = compiled(ensemble(), optimizer=[Adam(0.01), Adam(0.01)])
    for model in (one, two):
        fit(model, images_and_labels)
    assert_equal_weights(one, two)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_they_are_saved_and_loaded(dtype, tmp_path, images_and_labels):
    model = compiled(ensemble(dtype=dtype), optimizer=own())
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for go_on in (model, loaded):
        fit(go_on, images_and_labels)
    assert_equal_weights(model, loaded)


def test_a_checkpoint_and_the_log_know_them(tmp_path, images_and_labels, no_curves):
    model = compiled(ensemble(), optimizer=own())
    log = Logger(tmp_path, {})
    data = {"batch_size": 32, "shuffle": False, "verbose": 0}
    validation = {"validation_data": images_and_labels}
    model.fit(*images_and_labels, epochs=2, callbacks=[log], **data, **validation)
    rates = log.statistics()["models"]["b"]["learning_rate"]
    np.testing.assert_allclose(rates, 0.002)
    resumed = compiled(ensemble(), optimizer=own(0.5, 0.5))
    done, _, damaged = checkpoint.restore(tmp_path / "checkpoint", resumed)
    assert (done, damaged) == (2, [])
    for go_on in (model, resumed):
        fit(go_on, images_and_labels)
    assert_equal_weights(model, resumed)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_callbacks_go_on_from_each_learning_rate(dtype, images_and_labels):
    model = compiled(ensemble(dtype=dtype), optimizer=own())
    halving = keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, min_delta=1e9)
    plateau.patience = 1
    model.fit(*images_and_labels, epochs=2, callbacks=[halving, plateau], verbose=0)
    found = getattr(model.optimizer, "inner_optimizer", model.optimizer).by_member
    rates = [float(found[name].learning_rate) for name in "ab"]
    # Halved twice; the second epoch is no better than the first.
    np.testing.assert_allclose(rates, [0.01 / 40, 0.002 / 40], rtol=1e-5)


def test_half_of_the_precision_is_scaled_as_one(images_and_labels):
    histories = [
        fit(compiled(ensemble(dtype="mixed_float16"), optimizer=optimizer),
            images_and_labels).history["loss"]
        for optimizer in (Adam(0.01), [Adam(0.01), Adam(0.01)])
    ]  # fmt: skip
    np.testing.assert_array_equal(*histories)


def test_a_frozen_member_needs_none(images_and_labels):
    model = ensemble()
    model.members[1].trainable = False
    fit(compiled(model, optimizer={"a": SGD(0.01)}), images_and_labels)
    model.members[1].trainable = True
    with pytest.raises(
        ValueError, match="one for each member, and there is none for b"
    ):
        compiled(model, optimizer={"a": SGD(0.01)})


def shared():
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    trunk = keras.layers.Dense(4, "relu", name="trunk")(flat)
    heads = [keras.layers.Dense(3)(trunk) for _ in "ab"]
    return [keras.Model(inputs, g, name=n) for g, n in zip(heads, "ab", strict=True)]


class WithItsOwn(models.EnsembleModel):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(1,), name="kernel")
        super().build(input_shape)


def sgd_twice():
    one = SGD(0.1)
    return [one, one]


@pytest.mark.parametrize(
    "optimizer, message",
    [
        (lambda: [SGD()], "one for each of 2 members, a, b, got 1"),
        (lambda: {"a": SGD(), "c": SGD()}, "by names of members, a, b, got 'c'"),
        (lambda: {"a": SGD()}, "there is none for b"),
        (sgd_twice, "'a' and 'b' were given the same optimizer: make one for each"),
        (lambda: [SGD(), SGD(loss_scale_factor=2.0)], "member 'b' scales the cost"),
        (
            lambda: [SGD(), keras.optimizers.LossScaleOptimizer(SGD())],
            "member 'b' scales the cost",
        ),
    ],
)
def test_what_is_not_clear_is_refused(optimizer, message):
    with pytest.raises(ValueError, match=message):
        compiled(ensemble(), optimizer=optimizer())


def test_weights_of_more_than_one_member_are_refused(images_and_labels):
    model = models.EnsembleModel(shared())
    with pytest.raises(
        ValueError, match="'a' and 'b' share trunk/kernel: compile with"
    ):
        compiled(model, optimizer=["sgd", "sgd"])
    with pytest.raises(ValueError, match="'a' and 'b' share trunk/kernel: give one"):
        models.EnsembleModel(shared(), weight_decay=[0.1, 0.2])
    model = WithItsOwn([linear("a"), linear("b")])
    with pytest.raises(ValueError, match="kernel belongs to no member: compile with"):
        fit(compiled(model, optimizer=["sgd", "sgd"]), images_and_labels)


def test_the_one_learning_rate_says_where_they_are():
    model = compiled(ensemble(), optimizer=own())
    with pytest.raises(AttributeError, match="each member has a learning rate of its"):
        model.optimizer.learning_rate = 0.1


def test_one_optimizer_may_still_be_written_as_keras_does():
    written = keras.optimizers.serialize(Adam(0.25))
    assert (
        float(compiled(ensemble(), optimizer=written).optimizer.learning_rate) == 0.25
    )


SHARES = """
import sys
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import keras
from small_models import ensemble
rng = np.random.default_rng(0)
images = rng.normal(size=(32, 8, 8, 1)).astype("float32")
labels = rng.integers(0, 3, 32)
found = []
for devices in (1, 2):
    strategy = tf.distribute.get_strategy()
    if devices == 2:
        cpus = tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy(cpus)
    with strategy.scope():
        model = ensemble(dtype=sys.argv[1])
        optimizers = [keras.optimizers.SGD(0.01, 0.9), keras.optimizers.SGD(0.1)]
        eager = {"run_eagerly": devices == 1}  # quicker than a graph for few steps
        model.compile(optimizers, jit_compile=False, **eager)
    model.fit(images, labels, batch_size=8, shuffle=False, verbose=0)
    predicted = model.predict(images, verbose=0)
    found.append([predicted, *map(np.asarray, model.trainable_variables)])
for one, two in zip(*found, strict=True):
    np.testing.assert_allclose(one, two, atol=1e-4)
"""


@pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)]
)
def test_on_several_devices(dtype, python):
    """In a process of its own, since devices are set once."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": paths}
    done = python("-c", SHARES, dtype, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("factors", [(0.01, 0.5), {"b": 0.5, "a": 0.01}])
def test_weight_decay_of_each_member(factors, tmp_path, images_and_labels):
    model = compiled(ensemble(weight_decay=factors))
    found = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    a, b = (np.sum(weights(member)[0] ** 2) / 2 for member in model.members)
    assert found["weight_decay"] == pytest.approx(0.01 * a + 0.5 * b, rel=1e-5)
    assert model.weight_decay == {"a": 0.01, "b": 0.5}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.weight_decay == model.weight_decay


@pytest.mark.parametrize(
    "factors, message",
    [
        ([0.1], "weight_decay must be one for each of 2 members, a, b, got 1"),
        ({"a": 0.1}, "weight_decay must be one for each member.* none for b"),
        ([0.1, -1], "weight_decay must be a finite number >= 0, got -1"),
    ],
)
def test_weight_decay_that_cannot_be(factors, message):
    with pytest.raises(ValueError, match=message):
        ensemble(weight_decay=factors)


@pytest.mark.parametrize("optimizer", ["sgd", {"a": "sgd", "b": "adam"}])
def test_members_in_float16_out_of_a_file_have_their_cost_scaled(
    optimizer, tmp_path, images_and_labels
):
    """Keras looks at the ensemble's policy: `findings/loss_scale_after_loading.sh`."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for seed, name in enumerate("ab"):
            linear(name, seed=seed).save(tmp_path / f"{name}.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    members = [keras.models.load_model(tmp_path / f"{name}.keras") for name in "ab"]
    model = models.EnsembleModel(members)
    compiled(model, optimizer=optimizer)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.compile(None)
    assert model.optimizer is None
    model.compile(optimizer, auto_scale_loss=False, jit_compile=False)
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")  # Keras does not write that argument
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        assert not isinstance(one.optimizer, keras.optimizers.LossScaleOptimizer)
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) > 0
    assert not isinstance(
        compiled(ensemble(), optimizer=optimizer).optimizer,
        keras.optimizers.LossScaleOptimizer,
    )
