import dataclasses

import keras
import numpy as np
import pytest

from collaborative import resnet
from collaborative.report import footprint


def test_operations_by_hand():
    layers = [
        keras.layers.Conv2D(4, 3, padding="same"),
        keras.layers.Conv2D(8, 2, strides=2),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    keras.Sequential([keras.Input((6, 6, 3)), *layers])
    assert [footprint.layer_operations(layer) for layer in layers] == [
        2 * 36 * (9 * 3 * 4),
        2 * 9 * (4 * 4 * 8),
        0,
        2 * 72 * 10,
    ]


@pytest.mark.parametrize("reduction", resnet.REDUCTIONS)
@pytest.mark.parametrize("preset", ["ST", "M", "D"])
def test_a_size_by_numbers_is_that_of_the_network_built(preset, reduction):
    config = dataclasses.replace(resnet.PRESETS[preset], reduction=reduction)
    built = resnet.build_resnet(config, footprint.INPUT_SHAPE, 7, seed=0)
    assert footprint.size(config, 7) == {
        "parameters": sum(int(np.prod(v.shape)) for v in built.trainable_variables),
        "operations": sum(map(footprint.layer_operations, built.layers)),
    }


def test_costs_of_the_paper_s_networks():
    costs = footprint.measure(rounds=1)
    # The exact numbers for the text's reduction layer at 32x32x3.
    assert costs["ST"]["parameters"] == 41_570
    assert costs["M"]["parameters"] == 261_786
    assert costs["ensemble"]["parameters"] == 41_570 + 261_786
    assert costs["M"]["operations"] / costs["ST"]["operations"] == pytest.approx(
        6.5, abs=0.1
    )
    for name in ("ST", "M", "ensemble"):
        assert costs[name]["ms_64"] > 0 and costs[name]["ms_1"] > 0
    assert "32x32x3" in costs["setting"]
