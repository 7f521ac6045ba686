"""The registry of networks, and what is done for those that take few arguments."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from collaborative.resnet import PRESETS, build_resnet
from conftest import ROOT

from collaborative import register_network
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.nn import cifar_networks
from collaborative.nn.networks import NETWORKS, build_network
from collaborative.training import building

SHAPE = (8, 8, 1)
BUILT_IN = sorted([*PRESETS, *cifar_networks.NETWORKS])


@pytest.fixture
def linear(registered):
    @register_network("linear")
    def linear(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        hidden = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(num_classes)(hidden))


def built(network, seed=1, dtype="float32", **options):
    return build_network(network, SHAPE, 3, name="a", seed=seed, dtype=dtype, **options)


def test_the_paper_s_networks_are_there_by_name():
    assert sorted(NETWORKS) == BUILT_IN
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
    with pytest.raises(ValueError, match="not of val_"):
        register_network("val_a")
    with pytest.raises(ConfigError, match=r"must be one of .*M, D, VD.*, got"):
        ExperimentConfig(members=("linear",))
    register_network("none")(lambda input_shape, num_classes: None)
    with pytest.raises(ConfigError, match="none does not fit: it must give"):
        building.build_members(ExperimentConfig(members=("none",)), SHAPE, 3)


@pytest.mark.parametrize(
    "name", ["a-b", "a+b", "..", "M_2", "a_10", "1a", "_a", "ä", "a/b", "a b", ""]
)
def test_a_name_stands_for_one_member_one_directory_and_one_metric(name, registered):
    with pytest.raises(ValueError, match="a network's name must be of letters"):
        register_network(name)
    assert sorted(NETWORKS) == BUILT_IN


def test_names_of_other_statistics_are_taken():
    for name in ("ensemble", "collaboration", "unlabeled"):
        with pytest.raises(ValueError, match=f"there is a network '{name}' already"):
            register_network(name)


@pytest.mark.parametrize("name", ["small_vgg", "vgg16", "r1.5", "a_2x", "v_"])
def test_names_that_can_be(name, registered):
    register_network(name)(lambda input_shape, num_classes: None)
    config = ExperimentConfig(members=(name, name))
    assert config.member_names == (name, f"{name}_2")
    assert config.run_dir("logs").parts[2] == f"{name}-{name}"


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda: None, "too many positional arguments"),
        (lambda input_shape: None, "too many positional arguments"),
        (lambda a, b, *, width: None, "missing a required .*argument: 'width'"),
    ],
)
def test_functions_that_cannot_be_networks(function, reason, registered):
    with pytest.raises(ValueError, match=f"network 'own' must be a .*: {reason}"):
        register_network("own")(function)
    assert "own" not in NETWORKS


class Subclassed(keras.Model):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.arguments = {"units": units, "activation": activation}
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(units, activation)

    def get_config(self):
        return super().get_config() | self.arguments

    def call(self, x):
        return self.dense(self.flatten(x))


def without_an_input(input_shape, num_classes):
    layers = [keras.layers.Flatten(), keras.layers.Dense(num_classes)]
    return keras.Sequential(layers)


def subclassed(input_shape, num_classes, **kwargs):
    assert set(kwargs) == {"name", "seed", "dtype", "reduction"}
    return Subclassed(num_classes)


@pytest.mark.parametrize("function", [without_an_input, subclassed])
def test_a_model_that_builds_itself_later_has_its_weights_from_its_seed(
    function, registered
):
    register_network("later")(function)
    one, again, other = (
        built("later", seed=seed, reduction="paper").get_weights() for seed in (1, 1, 2)
    )
    assert [w.shape for w in one] == [(64, 3), (3,)]
    np.testing.assert_array_equal(one[0], again[0])
    assert not np.array_equal(one[0], other[0])


def fails(input_shape, num_classes):
    return {}["key"]


def too_large_a_kernel(input_shape, num_classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Conv2D(2, 20)(inputs))


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda s, n: None, "it must give a keras.Model, got NoneType"),
        (lambda s, n: Subclassed(5), r"must give logits \[batch, 3\], got \(None, 5\)"),
        (lambda s, n: Subclassed(n, "softmax"), "must give logits, and gives probab"),
        (fails, "KeyError: 'key'"),
        (too_large_a_kernel, "Computed output size would be zero or negative"),
    ],
)
def test_what_a_network_gives_or_raises_is_one_line(function, reason, registered):
    register_network("own")(function)
    with pytest.raises(ConfigError, match=f"own does not fit: .*{reason}") as raised:
        building.build_members(ExperimentConfig(members=("own",)), SHAPE, 3)
    assert "\n" not in str(raised.value)


class WithoutConfig(Subclassed):
    def __init__(self, units, of_no_plain_value):
        super().__init__(units)

    get_config = keras.Model.get_config


class WithAWrongConfig(Subclassed):
    def get_config(self):
        return {}["key"]


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda s, n: WithoutConfig(n, object()), "is trained: give its class With"),
        (lambda s, n: WithAWrongConfig(n), "is trained: 'key': give its class With"),
    ],
)
def test_what_could_not_be_saved_is_refused_before_it_is_trained(
    build, said, registered
):
    register_network("own")(build)
    with pytest.raises(ConfigError, match=f"own could not be saved once it {said}"):
        building.build_members(ExperimentConfig(members=("own",)), SHAPE, 3)


TAKEN = """
import importlib, sys
from collaborative import register_network
try:
    register_network("ST")(lambda input_shape, num_classes: None)
except ValueError as error:
    print(error)
from collaborative import resnet
importlib.reload(resnet)
print("tensorflow" in sys.modules)
"""


def test_the_paper_s_names_are_taken_from_the_start_and_may_be_read_again():
    """In a process of its own, where nothing has imported `resnet` before."""
    said = subprocess.check_output([sys.executable, "-c", TAKEN], cwd=ROOT, text=True)
    assert said.splitlines() == [
        "there is a network 'ST' already: choose another name",
        "False",
    ]
