import keras
import numpy as np
import pytest
import tensorflow as tf

from normalization import FusedBatchNormalization

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
