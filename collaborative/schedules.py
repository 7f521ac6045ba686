"""How the collaboration weight changes while training goes on (section 7.3, 2).

A schedule is written `NAME` or `NAME:PART`; its factor of alpha is a function of the
part of training that is done, t from 0 to 1:

    constant        1, as in the paper
    ramp_up:P       from 0 to 1 in the first part P, then 1    (P is 1 by default)
    ramp_down:P     from 1 to 0 in the first part P, then 0    (P is 1 by default)
    cosine:P        as ramp_down, along half a cosine          (P is 1 by default)
    burn_in:P       0 in the first part P, then 1
    cool_down:P     1 but for the last part P, then 0
"""

from __future__ import annotations

import math

from etils import epy

with epy.lazy_imports():
    import tensorflow as tf


def _rise(t, part):
    return tf.minimum(t / part, 1.0)


_FACTORS = {
    "constant": lambda t, part: tf.ones_like(t),
    "ramp_up": _rise,
    "ramp_down": lambda t, part: 1 - _rise(t, part),
    "cosine": lambda t, part: (1 + tf.cos(math.pi * _rise(t, part))) / 2,
    "burn_in": lambda t, part: tf.cast(t >= part, t.dtype),
    "cool_down": lambda t, part: tf.cast(t < 1 - part, t.dtype),
}
_WITHOUT_DEFAULT = ("burn_in", "cool_down")
NAMES = tuple(_FACTORS)


def parse(schedule):
    """The function that a schedule stands for.

    Args:
        schedule: as the module's docstring says, e.g. "burn_in:0.2".

    Returns:
        A function from the part of training that is done, a float32 scalar from 0 to 1,
        to the factor of alpha, a scalar.

    Raises:
        ValueError: for a schedule that is none of these.
    """
    name, colon, text = schedule.partition(":")
    try:
        part = float(text) if colon else 1.0
        known = name in _FACTORS and 0 < part <= 1
        known = known and not (colon and name == "constant")
        known = known and (colon or name not in _WITHOUT_DEFAULT)
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            f"alpha_schedule must be {', '.join(NAMES)}, followed by :PART of training "
            f"(above 0, at most 1; burn_in and cool_down need it), got {schedule!r}"
        )
    return lambda t: _FACTORS[name](tf.convert_to_tensor(t, tf.float32), part)
