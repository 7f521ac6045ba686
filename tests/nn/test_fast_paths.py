from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from collaborative import models, resnet
from collaborative.nn import fast_paths, optimization
from collaborative.nn.fast_paths import Conv2D, FusedBatchNormalization, PatchConv2D
from collaborative.system import environment

STOCK = {fast.__name__: stock for fast, stock in fast_paths.STOCK.items()}

ARGUMENTS = {"momentum": 0.9, "epsilon": 1e-3}


def pair(**kwargs):
    """The stock layer and ours."""
    return [
        layer(**ARGUMENTS, **kwargs)
        for layer in (keras.layers.BatchNormalization, FusedBatchNormalization)
    ]


def images(seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(2, 3, (8, 5, 4, 6)).astype(np.float32))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_trains_as_the_stock_layer(center, scale):
    results = []
    for layer in pair(center=center, scale=scale):
        x, weights = images(), images(1)
        layer.build(x.shape)
        layer.set_weights([w + 0.5 for w in layer.get_weights()])
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
            cost = tf.reduce_sum(outputs * weights)
        gradients = tape.gradient(cost, [x, *layer.trainable_variables])
        results.append([outputs, *gradients, *layer.get_weights()])
    for stock, fused in zip(*results, strict=True):
        np.testing.assert_allclose(stock, fused, rtol=2e-4, atol=2e-5)


def test_predicts_as_the_stock_layer():
    results = []
    for layer in pair(scale=False):
        for seed in range(20):
            layer(images(seed), training=True)
        results.append([layer(images(21), training=False), *layer.get_weights()])
    for stock, fused in zip(*results, strict=True):
        np.testing.assert_allclose(stock, fused, rtol=1e-4, atol=1e-5)


def test_frozen_layer_predicts_in_training():
    layer = FusedBatchNormalization()
    layer(images(), training=True)
    layer.trainable = False
    before = layer.get_weights()
    outputs = layer(images(), training=True)
    np.testing.assert_array_equal(outputs, layer(images(), training=False))
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_mixed_precision_keeps_float32_moments():
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    outputs = layer(images(), training=True)
    assert outputs.dtype == tf.bfloat16
    assert {w.dtype for w in layer.weights} == {"float32"}


def test_xla_computes_the_same():
    layer = FusedBatchNormalization()
    layer.build((None, 5, 4, 6))
    step = tf.function(lambda x: layer(x, training=True), jit_compile=True)
    np.testing.assert_allclose(
        step(images()), layer(images(), training=True), rtol=1e-4, atol=1e-5
    )


def assert_convolves_as_stock(ours, size, dtype, **arguments):
    """That a layer has the outputs and gradients of Keras's, with the same weights."""
    x = tf.cast(tf.random.stateless_normal((3, 8, 4, 5), [1, 2]), dtype[-8:])
    arguments |= {"bias_initializer": "ones", "dtype": dtype}
    results = []
    for kind in (keras.layers.Conv2D, ours):
        layer = kind(6, size, **arguments)
        layer.build(x.shape)
        shape = layer.kernel.shape
        layer.kernel.assign(tf.random.stateless_normal(shape, [3, 4]))
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
            cost = tf.reduce_sum(tf.cast(outputs, "float32") ** 2)
        assert layer.compute_output_shape(x.shape) == outputs.shape
        weights = [weight.value for weight in layer.trainable_weights]
        results.append([outputs, *tape.gradient(cost, [x, *weights])])
    bound = 1e-5 if dtype == "float32" else 2e-2
    for stock, fast in zip(*results, strict=True):
        stock, fast = np.float32(stock), np.float32(fast)
        np.testing.assert_allclose(fast, stock, atol=bound * abs(stock).max())


DTYPES = pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])


@pytest.mark.parametrize("size", [2, (4, 2)])
@DTYPES
def test_patches_apart_convolve_as_the_stock_layer(size, dtype):
    assert_convolves_as_stock(PatchConv2D, size, dtype, strides=size, use_bias=False)


@pytest.mark.parametrize("size", [3, 1, (2, 5)])
@pytest.mark.parametrize("use_bias", [True, False])
@DTYPES
def test_overlapping_patches_convolve_as_the_stock_layer(
    size, use_bias, dtype, monkeypatch
):
    """What a GPU computes in bfloat16."""
    monkeypatch.setattr(fast_paths, "pay_as_patches", lambda dtype: True)
    arguments = {"padding": "same", "use_bias": use_bias}
    assert_convolves_as_stock(Conv2D, size, dtype, **arguments)
    assert_convolves_as_stock(Conv2D, size, dtype, activation="relu", **arguments)
    with mock.patch.object(keras.layers.Conv2D, "call") as by_keras:
        Conv2D(6, size, padding="same", use_bias=use_bias)(tf.zeros((3, 8, 4, 5)))
    assert not by_keras.called


@pytest.mark.parametrize(
    "gpu, dtype, pay",
    [(True, "bfloat16", 1), (True, "float32", 0), (False, "bfloat16", 0)],
)
def test_patches_pay_in_bfloat16_on_a_gpu(gpu, dtype, pay, monkeypatch):
    monkeypatch.setattr(environment, "has_gpu", lambda: gpu)
    assert fast_paths.pay_as_patches(tf.as_dtype(dtype)) == bool(pay)


@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": 2},
        {"dilation_rate": 2},
        {"padding": "valid"},
        {"groups": 5},
        {"data_format": "channels_first"},
    ],
    ids=str,
)
def test_other_convolutions_are_keras_s(arguments, monkeypatch):
    monkeypatch.setattr(fast_paths, "pay_as_patches", lambda dtype: True)
    layer = Conv2D(10, 3, **{"padding": "same", **arguments})
    with mock.patch.object(keras.layers.Conv2D, "call", return_value=0) as by_keras:
        layer.build((3, 10, 5, 5))
        layer.call(tf.zeros((3, 10, 5, 5)))
    assert by_keras.called


def test_a_convolution_is_called_as_keras_calls_its_own():
    """Files of weights name layers by their classes."""
    assert Conv2D(2, 3).name.startswith("conv2d")


@pytest.mark.parametrize(
    "name, settings",
    [
        ("FusedAdam", {"epsilon": 1e-8}),
        ("FusedAdamW", {"epsilon": 1e-8, "weight_decay": 0.5, "use_ema": True}),
        ("FusedSGD", {"momentum": 0.9, "nesterov": True}),
        ("FusedSGD", {"momentum": 0.9}),
        ("FusedSGD", {}),
    ],
)
def test_optimizers_move_as_the_stock_ones(name, settings):
    results = []
    for kind in (STOCK[name], getattr(fast_paths, name)):
        start = np.linspace(-1, 1, 7, dtype=np.float32)
        variable = keras.Variable(start, name="kernel")
        optimizer = kind(0.01, **settings)
        for step in range(20):
            gradient = tf.random.stateless_normal([7], [step, 0])
            optimizer.apply_gradients([(gradient, variable)])
        results.append([variable.numpy(), *[v.numpy() for v in optimizer.variables]])
    for stock, fast in zip(*results, strict=True):
        np.testing.assert_allclose(fast, stock, rtol=1e-5, atol=1e-7)


def test_kernels_alone_decay_after_loading_too():
    """What Keras saves of an optimizer says nothing of what does not decay."""
    optimizer = fast_paths.FusedAdamW(0.5, weight_decay=0.5)
    config = keras.saving.serialize_keras_object(optimizer)
    for one in (optimizer, keras.saving.deserialize_keras_object(config)):
        weights = [keras.Variable([4.0], name=n) for n in ("kernel", "bias", "beta")]
        one.apply([tf.zeros([1])] * 3, weights)
        assert [float(v[0]) for v in weights] == [3.0, 4.0, 4.0]


def test_ensemble_takes_the_step_of_the_stock_classes():
    """Values, and gradients as Adam's first moment keeps them."""
    rng = np.random.default_rng(0)
    images = tf.constant(rng.integers(0, 256, (16, 8, 8, 3)), tf.float32)
    labels = tf.constant(rng.integers(0, 10, 16))
    results = []
    for classes in (STOCK, {name: getattr(fast_paths, name) for name in STOCK}):
        with mock.patch.multiple(fast_paths, **classes):
            members = [
                resnet.build_resnet(
                    resnet.ResNetConfig(bricks=2, repetitions=1, filters=filters),
                    (8, 8, 3),
                    name=f"member_{filters}",
                    seed=1,
                )
                for filters in (4, 16)
            ]
            model = models.EnsembleModel(members, "L2", 0.01, weight_decay=1e-4)
            # One step, for which tracing would take the most time.
            model.compile(optimization.paper_optimizer(10), run_eagerly=True)
        logs = model.train_on_batch(images, labels, return_dict=True)
        momenta = [v.numpy() for v in model.optimizer.variables if "momentum" in v.name]
        results.append([*map(np.float64, logs.values()), *momenta])
    assert len(momenta) > 20
    for stock, fast in zip(*results, strict=True):
        scale = max(abs(stock).max(), 1e-3)
        np.testing.assert_allclose(fast, stock, rtol=1e-3, atol=1e-3 * scale)
