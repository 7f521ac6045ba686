"""CIFAR's usual networks, by what their papers say of them."""

import functools

import keras
import numpy as np
import pytest

from collaborative.nn import cifar_networks
from collaborative.nn.networks import build_network

# Convolutions and linear map (of depth 16 the second paper counts the shortcuts and not
# the map), trainable parameters with 10 and with 100 classes, and all with 10. The
# papers say 0.27, 0.46 and 0.69 million.
EXPECTED = {
    "resnet20": (20, 269_722, 275_572, 271_104),
    "resnet32": (32, 464_154, 470_004, 466_432),
    "wrn_16x2": (16 + 1, 691_674, 703_284, 693_504),
}


def built(name, shape=(8, 8, 3), classes=10, seed=1, dtype="float32"):
    return build_network(name, shape, classes, name="a", seed=seed, dtype=dtype)


shared = functools.cache(built)  # only to be read


def trainable(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_every_network_is_in_the_table():
    assert set(EXPECTED) == set(cifar_networks.NETWORKS)


@pytest.mark.parametrize("name", EXPECTED)
def test_layers_and_parameters(name):
    model = shared(name)
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    few, many = trainable(model), trainable(built(name, classes=100))
    assert (len(kernels), few, many, model.count_params()) == EXPECTED[name]
    biases = [v.path for v in model.trainable_variables if v.name == "bias"]
    assert [path.split("/")[0] for path in biases] == ["logits"]


@pytest.mark.parametrize("name", EXPECTED)
def test_images_are_halved_twice_and_any_size_will_do(name):
    model = built(name, (13, 10, 1))
    maps = [layer for layer in model.layers if len(layer.output.shape) == 4]
    assert maps[-1].output.shape[1:3] == (4, 3)
    assert model(np.zeros((2, 13, 10, 1))).shape == (2, 10)


@pytest.mark.parametrize("name", EXPECTED)
def test_raw_images_are_normalized_and_that_alone_learns_nothing(name):
    norms = [
        layer
        for layer in shared(name).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    learns = [False] + [True] * (len(norms) - 1)
    assert [norm.scale for norm in norms] == learns
    assert [norm.center for norm in norms] == learns


def test_a_shortcut_keeps_every_other_place_and_adds_maps_of_zeros():
    """With the kernels of a block's end 0 and positive maps, the block is that."""
    model = built("resnet20", (4, 4, 1))
    joined = [la for la in model.layers if isinstance(la, keras.layers.Concatenate)]
    before = joined[0].input[0]._keras_history.operation.input
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1))
    maps, shortcut = keras.Model(model.input, [before, joined[0].output])(images)
    np.testing.assert_array_equal(shortcut[..., :16], maps[:, ::2, ::2])
    assert shortcut.shape == (2, 2, 2, 32) and not np.any(shortcut[..., 16:])


@pytest.mark.parametrize("name", EXPECTED)
def test_seed_and_policy_are_those_that_were_asked_for(name):
    one, same, other = shared(name), built(name), built(name, seed=2)
    for v, w in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)
    assert not np.array_equal(one.get_weights()[2], other.get_weights()[2])
    mixed = built(name, dtype="mixed_bfloat16")
    kinds = {layer.compute_dtype for layer in mixed.layers[2:-1]}
    assert kinds == {"bfloat16"}
    assert mixed(np.zeros((1, 8, 8, 3))).dtype == "float32"
