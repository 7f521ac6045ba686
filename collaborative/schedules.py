"""How the collaboration weight changes while training goes on (section 7.3, 2).

A schedule is written `NAME` or `NAME:PART`; its factor of alpha is a function of the
part of training that is done, t from 0 to 1:

    constant        1, as in the paper
    ramp_up:P       from 0 to 1 in the first part P, then 1    (P is 1 by default)
    ramp_down:P     from 1 to 0 in the first part P, then 0    (P is 1 by default)
    cosine:P        as ramp_down, along half a cosine          (P is 1 by default)
    burn_in:P       0 in the first part P, then 1
    cool_down:P     1 but for the last part P, then 0

`register_schedule` adds one of one's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from etils import epy

from collaborative.system.registry import Registry

with epy.lazy_imports():
    import tensorflow as tf

SCHEDULES = Registry("schedule")
_WITHOUT_PART, _WITH_PART = set(), set()


def register_schedule(
    name: str, *, takes_part: bool = True, needs_part: bool = False
) -> Callable[[Callable], Callable]:
    """Makes a function a schedule that `alpha_schedule` can name.

    Args:
        name: letters, digits, `_`, `.`, `+` and `-`.
        takes_part: whether `NAME:PART` can be written.
        needs_part: whether it must be; else PART is 1 by default.

    Returns:
        A decorator of functions from (t, part), the part of training that is done, a
        float32 scalar from 0 to 1, and PART, to the factor of alpha, a scalar.

    Raises:
        ValueError: for a name that is taken or cannot be one.
    """

    def add(factor):
        SCHEDULES.add(name, factor)
        for names, holds in ((_WITHOUT_PART, not takes_part), (_WITH_PART, needs_part)):
            (names.add if holds else names.discard)(name)
        return factor

    return add


@register_schedule("constant", takes_part=False)
def constant(t, part):
    """1 all the time."""
    return tf.ones_like(t)


@register_schedule("ramp_up")
def ramp_up(t, part):
    """From 0 to 1 in the first part, then 1."""
    return tf.minimum(t / part, 1.0)


@register_schedule("ramp_down")
def ramp_down(t, part):
    """From 1 to 0 in the first part, then 0."""
    return 1 - ramp_up(t, part)


@register_schedule("cosine")
def cosine(t, part):
    """As `ramp_down`, along half a cosine."""
    return (1 + tf.cos(math.pi * ramp_up(t, part))) / 2


@register_schedule("burn_in", needs_part=True)
def burn_in(t, part):
    """0 in the first part, then 1."""
    return tf.cast(t >= part, t.dtype)


@register_schedule("cool_down", needs_part=True)
def cool_down(t, part):
    """1 but for the last part, then 0."""
    return tf.cast(t < 1 - part, t.dtype)


def part_done(step, steps):
    """The part of training that is done: a scalar from 0 to 1.

    Args:
        step: how many updates of the weights are done, a scalar.
        steps: how many there are in all.
    """
    return tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)


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
    name, colon, text = str(schedule).partition(":")
    try:
        part = float(text) if colon else 1.0
        known = name in SCHEDULES and 0 < part <= 1
        known = known and not (colon and name in _WITHOUT_PART)
        known = known and (colon or name not in _WITH_PART)
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            f"alpha_schedule must be {', '.join(SCHEDULES)}, followed by :PART of "
            f"training (above 0, at most 1; {' and '.join(sorted(_WITH_PART))} need "
            f"it), got {schedule!r}"
        )
    return lambda t: SCHEDULES[name](tf.convert_to_tensor(t, tf.float32), part)
