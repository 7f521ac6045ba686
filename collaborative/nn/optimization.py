"""The optimizers, and their learning rates: the paper's (section 5.2), and a step's.

Importing this imports no Keras: the schedules' names are among the settings.
"""

from __future__ import annotations

import math

from etils import epy

with epy.lazy_imports():
    import keras

    from collaborative.nn import fast_paths

# What the learning rate is multiplied by, and after which parts of training: the
# paper's (section 5.2), and those of Zhang et al. 2018: every 60 of 200 epochs.
LEARNING_RATE_SCHEDULES = {
    "paper": (1 / 2, (0.5, 0.75, 0.9)),
    "step": (1 / 10, (0.3, 0.6, 0.9)),
}


def paper_optimizer(steps, learning_rate=2**-10, *, schedule="paper", **kwargs):
    """Adam (epsilon 1e-8) with the paper's learning rates (section 5.2).

    Args:
        steps, learning_rate, schedule: as for `learning_rate_schedule`.
        **kwargs: others of `keras.optimizers.Adam`.

    Returns:
        A `keras.optimizers.Adam`, with the fused kernel.
    """
    rates = learning_rate_schedule(steps, learning_rate, schedule)
    return fast_paths.FusedAdam(rates, epsilon=1e-8, **kwargs)


def adamw(steps, learning_rate, weight_decay, *, schedule="paper", **kwargs):
    """`paper_optimizer` with decoupled weight decay (Loshchilov and Hutter 2019).

    Args:
        weight_decay: kernels shrink by this, times the learning rate, in each step;
            what is minimised has to have no weight decay of its own.
        steps, learning_rate, schedule, **kwargs: as for `paper_optimizer`.
    """
    rates = learning_rate_schedule(steps, learning_rate, schedule)
    return fast_paths.FusedAdamW(rates, weight_decay, epsilon=1e-8, **kwargs)


def sgd(steps, learning_rate, momentum, *, schedule="paper", **kwargs):
    """Gradient descent with Nesterov's momentum and the paper's learning rates.

    With momentum as in Deep Mutual Learning (Zhang et al. 2018).

    Args:
        momentum: from 0 to below 1; 0 is plain gradient descent.
        steps, learning_rate, schedule, **kwargs: as for `paper_optimizer`.
    """
    rates = learning_rate_schedule(steps, learning_rate, schedule)
    return fast_paths.FusedSGD(rates, momentum, nesterov=True, **kwargs)


def learning_rate_schedule(steps, learning_rate, schedule="paper"):
    """A schedule of the learning rate, as Keras has it.

    Args:
        steps: training steps in all.
        learning_rate: the initial learning rate.
        schedule: of `LEARNING_RATE_SCHEDULES`. With "paper" (section 5.2) the learning
            rate is halved for all steps after 50 %, 75 % and 90 % of them are done,
            with "step" it is a tenth of what it was after 30 %, 60 % and 90 %.
    """
    factor, parts = LEARNING_RATE_SCHEDULES[schedule]
    done = [math.ceil(part * steps) for part in parts]
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        # The schedule moves on once more than `boundary` steps are done.
        boundaries=[max(steps_done - 1, 0) for steps_done in done],
        values=[learning_rate * factor**i for i in range(len(done) + 1)],
    )
