"""The paper's optimizer and its learning rates (section 5.2)."""

from __future__ import annotations

import math

import keras

from collaborative.nn import fast_paths

LEARNING_RATE_HALVINGS = (0.5, 0.75, 0.9)  # parts of training done (section 5.2)


def paper_optimizer(steps, learning_rate=2**-10, use_ema=False):
    """Adam (epsilon 1e-8) with the paper's learning rates (section 5.2).

    Args:
        steps: training steps in all. The learning rate is halved for all steps after
            50 %, 75 % and 90 % of them are done.
        learning_rate: the initial learning rate.
        use_ema: whether it keeps moving averages of the weights, as Keras does.

    Returns:
        A `keras.optimizers.Adam`, with the fused kernel.
    """
    done = [math.ceil(part * steps) for part in LEARNING_RATE_HALVINGS]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        # The schedule moves on once more than `boundary` steps are done.
        boundaries=[max(steps_done - 1, 0) for steps_done in done],
        values=[learning_rate / 2**i for i in range(len(done) + 1)],
    )
    return fast_paths.FusedAdam(schedule, epsilon=1e-8, use_ema=use_ema)
