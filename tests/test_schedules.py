import numpy as np
import pytest
import tensorflow as tf

from collaborative import schedules

PROGRESS = np.array([0, 0.1, 0.25, 0.5, 0.75, 1], np.float32)


@pytest.mark.parametrize(
    "schedule, factors",
    [
        ("constant", [1, 1, 1, 1, 1, 1]),
        ("ramp_up", [0, 0.1, 0.25, 0.5, 0.75, 1]),
        ("ramp_up:0.5", [0, 0.2, 0.5, 1, 1, 1]),
        ("ramp_down", [1, 0.9, 0.75, 0.5, 0.25, 0]),
        ("ramp_down:0.25", [1, 0.6, 0, 0, 0, 0]),
        ("cosine", [1, 0.975528, 0.853553, 0.5, 0.146447, 0]),
        ("burn_in:0.25", [0, 0, 1, 1, 1, 1]),
        ("cool_down:0.25", [1, 1, 1, 1, 0, 0]),
    ],
)
def test_factors_over_training(schedule, factors):
    found = [float(schedules.parse(schedule)(t)) for t in PROGRESS]
    np.testing.assert_allclose(found, factors, atol=1e-6)


@pytest.mark.parametrize(
    "schedule",
    ["", "linear", "ramp_up:", "ramp_up:0", "ramp_up:2", "ramp_up:x", "burn_in",
     "constant:0.5", "burn_in:nan"],
)  # fmt: skip
def test_schedules_that_cannot_be(schedule):
    with pytest.raises(ValueError, match="alpha_schedule must be constant, ramp_up"):
        schedules.parse(schedule)


def test_a_schedule_of_ones_own(registered):
    @schedules.register_schedule("step")
    def step(t, part):
        return tf.where(t < part, 2.0, 1.0)

    assert [float(schedules.parse("step:0.25")(t)) for t in PROGRESS[:3]] == [2, 2, 1]
    with pytest.raises(ValueError, match="a schedule 'step' already"):
        schedules.register_schedule("step")(tf.abs)
