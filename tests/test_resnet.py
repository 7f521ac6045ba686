import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from collaborative import resnet

# Preset, reduction: trainable parameters, all parameters, convolutions (12 and 18 by
# the paper's formula; parameters from shared/reference for ST and M).
EXPECTED = {
    ("ST", "paper"): (41_570, 41_944, 12),
    ("ST", "released"): (44_770, 45_144, 12),
    ("M", "paper"): (261_786, 262_976, 18),
    ("M", "released"): (274_586, 275_776, 18),
    ("D", "paper"): (552_762, 555_296, 36),
    ("D", "released"): (565_562, 568_096, 36),
    ("VD", "paper"): (1_813_658, 1_822_016, 114),
    ("VD", "released"): (1_826_458, 1_834_816, 114),
    ("M17", "paper"): (295_419, 296_683, 18),
    ("M17", "released"): (309_869, 311_133, 18),
    ("M18", "paper"): (331_084, 332_422, 18),
    ("M18", "released"): (347_284, 348_622, 18),
}


def build(preset, reduction="paper", shape=(32, 32, 3), **kwargs):
    config = dataclasses.replace(resnet.PRESETS[preset], reduction=reduction)
    return resnet.build_resnet(config, shape, name=preset, **kwargs)


def test_every_preset_is_in_the_table():
    assert set(EXPECTED) == {(p, r) for p in resnet.PRESETS for r in resnet.REDUCTIONS}


@pytest.mark.parametrize("preset, reduction", EXPECTED)
def test_parameters_and_convolutions(preset, reduction):
    model = build(preset, reduction)
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    shortcuts = resnet.PRESETS[preset].bricks - 1
    convolutions = resnet.PRESETS[preset].convolutions
    assert (trainable, model.count_params(), convolutions) == EXPECTED[
        preset, reduction
    ]
    assert len(kernels) == convolutions + shortcuts


def test_only_first_convolution_and_logits_have_a_bias():
    biases = [v.path for v in build("ST").trainable_variables if v.name == "bias"]
    assert len(biases) == 2
    assert biases[0].startswith("conv2d") and biases[1].startswith("logits")


def test_batch_norms_have_no_scale_and_the_first_no_offset():
    norms = [
        layer
        for layer in build("ST").layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert [norm.scale for norm in norms] == [False] * len(norms)
    assert [norm.center for norm in norms] == [False] + [True] * (len(norms) - 1)
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.99, 1e-3)}


def test_block_adds_its_input():
    """With all kernels of a block 0, the block is the identity."""
    config = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
    model = resnet.build_resnet(config, (4, 4, 1), 3, seed=1)
    images = np.arange(32, dtype=np.float32).reshape(2, 4, 4, 1)
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    kernels[1].assign(tf.zeros_like(kernels[1]))
    convolved = keras.Model(model.input, model.layers[2].output)(images)
    pooled = np.mean(convolved, axis=(1, 2))
    logits = pooled @ np.asarray(kernels[-1])
    np.testing.assert_allclose(model(images), logits, rtol=1e-5, atol=1e-5)


def test_initial_weights_have_he_variance():
    """He: variance 2 / fan_in."""
    for kernel in build("M", seed=3).trainable_variables:
        if kernel.name == "kernel" and np.prod(kernel.shape) > 2000:
            fan_in = np.prod(kernel.shape[:-1])
            assert np.var(kernel) == pytest.approx(2 / fan_in, rel=0.15)


def test_seed_decides_the_weights():
    def weights(seed):
        return np.concatenate(
            [np.ravel(v) for v in build("ST", seed=seed).trainable_variables]
        )

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_every_variable_gets_a_finite_gradient():
    model = build("ST", shape=(8, 8, 1), seed=1)
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1)).astype("float32")
    with tf.GradientTape() as tape:
        # Squares, since a sum over a normalised batch has no gradient to speak of.
        cost = tf.reduce_sum(tf.square(model(images, training=True)))
    gradients = tape.gradient(cost, model.trainable_variables)
    for gradient, variable in zip(gradients, model.trainable_variables, strict=True):
        assert gradient.shape == variable.shape
        assert np.isfinite(gradient).all() and np.any(np.asarray(gradient) != 0), (
            variable.path
        )


def test_mixed_precision_gives_float32_logits():
    model = build("ST", shape=(8, 8, 1), dtype="mixed_bfloat16")
    assert model(np.zeros((2, 8, 8, 1), np.uint8)).dtype == tf.float32
    assert model.layers[2].compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    "shape, message",
    [
        ((30, 32, 3), "30x32 cannot be halved 2 times.* multiples of 4.* 28 or 32"),
        ((30, 27, 3), "24 or 28 or 32"),
        ((2, 2, 1), "such as 4"),
        ((32, 32), "height, width, channels"),
        ((None, 32, 3), "in full"),
    ],
)
def test_shapes_that_cannot_be_halved(shape, message):
    with pytest.raises(ValueError, match=message):
        build("ST", shape=shape)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"bricks": 0}, "bricks must be at least 1, got 0"),
        ({"reduction": "max"}, "reduction must be one of paper, released, got 'max'"),
    ],
)
def test_configs_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(resnet.PRESETS["ST"], **changes)


def test_channels_are_last_whatever_keras_is_set_to():
    images = np.zeros((2, 8, 8, 1), np.uint8)
    expected = build("ST", shape=(8, 8, 1), seed=1)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        model = build("ST", shape=(8, 8, 1), seed=1)
        np.testing.assert_array_equal(model(images), expected(images))
    finally:
        keras.config.set_image_data_format(before)
