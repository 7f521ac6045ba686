"""The registry of networks, and what is done for those that take few arguments."""

import keras
import numpy as np
import pytest
from collaborative.resnet import PRESETS, build_resnet

from collaborative import register_network
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.nn.networks import NETWORKS, build_network
from collaborative.training import building

SHAPE = (8, 8, 1)


@pytest.fixture
def linear(registered):
    @register_network("linear")
    def linear(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        hidden = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(num_classes)(hidden))


def built(network, seed=1, dtype="float32", **options):
    return build_network(network, SHAPE, 3, name="a", seed=seed, dtype=dtype, **options)


def test_the_paper_s_networks_come_first():
    assert list(NETWORKS) == list(PRESETS)
    by_name = built("ST", seed=5, reduction="paper")
    by_hand = build_resnet(PRESETS["ST"], SHAPE, 3, "a", seed=5)
    for one, other in zip(by_name.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_network_does_not_take_is_done_for_it(linear):
    one, again, other = built("linear"), built("linear"), built("linear", seed=2)
    assert one.name == "a"
    np.testing.assert_array_equal(one.get_weights()[0], again.get_weights()[0])
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])
    before = keras.config.dtype_policy().name
    mixed = built("linear", dtype="mixed_bfloat16")
    assert mixed.layers[-1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == before


def test_a_network_of_one_s_own_is_a_member(linear):
    config = ExperimentConfig(members=("ST", "linear", "linear"))
    members = building.build_members(config, SHAPE, 3)
    assert [m.name for m in members] == ["ST", "linear", "linear_2"]
    first, second = (m.get_weights()[0] for m in members[1:])
    assert not np.array_equal(first, second)
    # With other members it starts from the same weights.
    (alone,) = building.build_members(ExperimentConfig(members=("linear",)), SHAPE, 3)
    np.testing.assert_array_equal(alone.get_weights()[0], first)


def test_what_cannot_be(registered):
    with pytest.raises(ValueError, match="a network 'ST' already"):
        register_network("ST")(lambda input_shape, num_classes: None)
    with pytest.raises(ValueError, match=r"must be of letters, .*, got 'a,b'"):
        register_network("a,b")
    with pytest.raises(ConfigError, match="members must be one of ST, M, D, VD, got"):
        ExperimentConfig(members=("linear",))
    register_network("none")(lambda input_shape, num_classes: None)
    with pytest.raises(ConfigError, match="none does not fit: network none must give"):
        building.build_members(ExperimentConfig(members=("none",)), SHAPE, 3)
