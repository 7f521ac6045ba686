import dataclasses

import numpy as np
import pytest

from collaborative import resnet
from collaborative.deployment import footprint
from collaborative.report import inference_cost


@pytest.mark.parametrize("reduction", resnet.REDUCTIONS)
@pytest.mark.parametrize("preset", ["ST", "M", "D"])
def test_a_size_by_numbers_is_that_of_the_network_built(preset, reduction):
    config = dataclasses.replace(resnet.PRESETS[preset], reduction=reduction)
    built = resnet.build_resnet(config, inference_cost.INPUT_SHAPE, 7, seed=0)
    assert inference_cost.size(config, 7) == {
        "parameters": sum(int(np.prod(v.shape)) for v in built.trainable_variables),
        "operations": 2 * footprint.footprint(built)["multiply_adds"],
    }


def test_costs_of_the_paper_s_networks():
    costs = inference_cost.measure(rounds=1)
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
