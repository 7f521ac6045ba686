"""Blocks of steps that XLA computes: the runs that single steps give."""

import dataclasses

import keras
import numpy as np
import pytest
from small_models import StopAfter
from tiny_runs import CONFIG, train

from collaborative import datasets, register_network, resnet
from collaborative.nn import fast_paths
from collaborative.training import building

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


def assert_same(one, other, rtol):
    """That two runs have the same statistics, up to `rtol`."""
    for name, curves in one["models"].items():
        for statistic, values in curves.items():
            np.testing.assert_allclose(
                other["models"][name][statistic], values, rtol, err_msg=statistic
            )
    for statistic, values in one["totals"].items():
        np.testing.assert_allclose(
            other["totals"][statistic], values, rtol, err_msg=statistic
        )


@pytest.fixture
def flat(registered, monkeypatch):
    """A network that XLA compiles soon, and epochs of 5 steps in blocks of 3."""
    monkeypatch.setattr(building, "_LONGEST_BLOCK", {False: 3})

    @register_network("flat")
    def build(input_shape, num_classes):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        return keras.Sequential([*layers, keras.layers.Dense(num_classes)])

    return dataclasses.replace(CONFIG, members=("flat", "flat"), batch_size=12)


TAUGHT = {"members": ("flat",), "teacher": ("flat",), "method": "KL"}
BEYOND_THE_PAPER = {
    "augment": True,
    "alpha_schedule": "ramp_up:0.5",
    "class_weight": "balanced",
    "weight_decay": 1e-3,
}


@pytest.mark.parametrize(
    "settings",
    [
        {"unlabeled": "noise", **BEYOND_THE_PAPER},
        *(
            pytest.param(settings, marks=pytest.mark.slow)
            for settings in (
                {},
                {"precision": "float16"},
                {"labeled": 0.5, "unlabeled": "holdout:0.5"},
                {
                    "labeled": 0.5,
                    "unlabeled": "holdout:0.5",
                    "unlabeled_steps": "separate",
                },
                TAUGHT,
                TAUGHT | {"augment": True},
            )
        ),
    ],
    ids=", ".join,
)
@pytest.mark.eager(False)
def test_xla_computes_blocks_of_steps(settings, tmp_path, tiny, flat):
    """The run that one has step by step."""
    config = dataclasses.replace(flat, **settings)
    data = datasets.with_few_labels(tiny, config.labeled, config.holdout)
    if config.unlabeled == datasets.NOISE:
        data = dataclasses.replace(data, unlabeled=datasets.NOISE)
    results = {}
    for jit in ("on", "off"):
        config = dataclasses.replace(config, jit=jit)
        if config.teacher:
            train(config.teacher_config, data, tmp_path / jit)
        results[jit] = train(config, data, tmp_path / jit).statistics
    assert_same(results["off"], results["on"], 1e-3)


def test_blocks_run_eagerly(tmp_path, tiny, flat):
    results = [
        train(dataclasses.replace(flat, jit=jit), tiny, tmp_path / jit).statistics
        for jit in ("off", "on")
    ]
    assert_same(*results, 1e-5)


@pytest.mark.slow
@pytest.mark.eager(False)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_blocks_of_convolutions_as_patches(
    precision, tmp_path, tiny, flat, monkeypatch
):
    """The run that a GPU computes in bfloat16, and one of Keras's own convolutions."""
    small = resnet.ResNetConfig(bricks=2, repetitions=1, filters=4)
    monkeypatch.setitem(resnet.PRESETS, "ST", small)
    config = dataclasses.replace(flat, members=("ST", "flat"), precision=precision)
    results = {}
    for jit, patches in (("off", False), ("on", True)):
        monkeypatch.setattr(fast_paths, "pay_as_patches", lambda dtype, p=patches: p)
        config = dataclasses.replace(config, jit=jit)
        results[jit] = train(config, tiny, tmp_path / jit).statistics
    bound = 1e-3 if precision == "float32" else 0.05
    assert_same(results["off"], results["on"], bound)


@pytest.mark.slow
@pytest.mark.eager(False)
def test_an_interrupted_run_of_blocks_goes_on_as_if_it_had_not_been(
    tmp_path, tiny, flat
):
    config = dataclasses.replace(flat, jit="on", **BEYOND_THE_PAPER)
    whole = train(config, tiny, tmp_path / "whole").statistics
    with pytest.raises(KeyboardInterrupt):
        train(config, tiny, tmp_path, callbacks=[StopAfter(1)])
    assert_same(whole, train(config, tiny, tmp_path).statistics, rtol=0)
