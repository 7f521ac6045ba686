"""What can be known of one setting of an experiment: it stands with its field.

    epochs: int | None = setting(None, "Passes over …", within=at_least(1), free=True)

Flags, checks, the names of directories, model cards, the columns of a table of runs and
what a person may give a study all derive from this.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from collections.abc import Callable, Iterable
from typing import NamedTuple

from collaborative.system.errors import UserError


class ConfigError(UserError, ValueError):
    """A setting that cannot be: one line for the person who chose it."""

    status = 2


class Range(NamedTuple):
    """Numbers that a setting may be: in words that complete "must be", and a test."""

    words: str
    holds: Callable[[float], bool]


def at_least(least):
    """Numbers from `least` on."""
    return Range(f"at least {least}", lambda value: value >= least)


NOT_NEGATIVE = Range("a finite number >= 0", lambda v: math.isfinite(v) and v >= 0)
POSITIVE = Range("above 0 and finite", lambda v: math.isfinite(v) and v > 0)
PART_BELOW_1 = Range("from 0 to below 1", lambda v: 0 <= v < 1)
PART_ABOVE_0 = Range("above 0 and at most 1", lambda v: 0 < v <= 1)


@dataclasses.dataclass(frozen=True)
class Setting:
    """The facts of a setting.

    Attributes:
        help: what its flag does; `{names}` stands for the names.
        names: a function that gives the names that it may be, or that each of a tuple
            may be; None: there are none. Asked when a value is checked, since people
            add to registries.
        closed: whether it must be one of the names; else the check is elsewhere.
        also: a test of what it may be besides the names, or None.
        within: the `Range` of a number, or None.
        listed: whether a list of values makes an experiment of each.
        level: whether it names a level of a run's directory.
        material: whether it says what is computed, and not how.
        on_card: whether a model card speaks of it in a sentence of its own.
        free: whether a person may give a study another value than its own.
        run: whether it is the directory of a run.
        together: whether it says how members collaborate, and those that are trained
            apart have no use for it.
        data: whether it says which images and labels there are.
    """

    help: str
    names: Callable | None = None
    closed: bool = True
    also: Callable[[str], bool] | None = None
    within: Range | None = None
    listed: bool = False
    level: bool = False
    material: bool = True
    on_card: bool = False
    free: bool = False
    run: bool = False
    together: bool = False
    data: bool = False

    def check(self, name, value):
        """Raises ConfigError for a value that cannot be, naming what is allowed."""
        if self.names and self.closed and value is not None:
            for one in value if isinstance(value, tuple) else (value,):
                if one not in self.names() and not (self.also and self.also(one)):
                    allowed = ", ".join(self.names())
                    hint = getattr(self.names(), "hint", "")
                    raise ConfigError(
                        f"{name} must be one of {allowed}, got {one!r}"
                        f"{hint and f'; {hint}'}"
                    )
        if self.within and not self.within.holds(value):
            raise ConfigError(f"{name} must be {self.within.words}, got {value}")


def setting(default, help, **facts):
    """A field of a dataclass with the `Setting` that its facts make."""
    return dataclasses.field(
        default=default, metadata={"setting": Setting(help, **facts)}
    )


@functools.cache
def kind_of(field):
    """The type of a setting, from its field: bool, int, float, str or tuple."""
    name = field.type.removesuffix(" | None").partition("[")[0]
    return {kind.__name__: kind for kind in _KINDS}[name]


def canonical(field, value):
    """A value in the type of its field: 1 as 1.0, -0.0 as 0.0, a list as a tuple.

    Else one experiment could have two directories, or a record that is no JSON.

    Args:
        field: the setting's `dataclasses.Field`.
        value: what a person gave; None stays where the field may be None.

    Raises:
        ConfigError: for a value of another type.
    """
    if value is None and field.type.endswith(" | None"):
        return None
    kind = kind_of(field)
    fits, words = _KINDS[kind]
    if kind is tuple and fits(value):
        value = tuple(value)
        fits = _are_names
    if not fits(value):
        raise ConfigError(f"{field.name} must be {words}, got {value!r}")
    if kind is int and value >= _TOO_MANY:
        raise ConfigError(f"{field.name} must be below {_TOO_MANY:,}, got {value:,}")
    return kind(value) + 0.0 if kind is float else kind(value)


def _are_names(values):
    return all(isinstance(value, str) for value in values)


def _is_number(kind):
    return lambda value: isinstance(value, kind) and not isinstance(value, bool)


_TOO_MANY = 2**32  # where seeds of NumPy and Keras end
_KINDS = {  # a test of what can be taken for it, and words that complete "must be"
    bool: (lambda value: isinstance(value, bool), "True or False"),
    int: (_is_number(numbers.Integral), "a whole number"),
    float: (_is_number(numbers.Real), "a number"),
    str: (lambda value: isinstance(value, str), "text"),
    tuple: (
        lambda value: isinstance(value, Iterable) and not isinstance(value, str),
        "a list of texts",
    ),
}


@functools.cache
def settings_of(config_class):
    """The settings of a dataclass: dict from name to `Setting`."""
    return {
        field.name: field.metadata["setting"]
        for field in dataclasses.fields(config_class)
    }
