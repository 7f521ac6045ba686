"""What can be known of one setting of an experiment: it stands with its field.

    epochs: int | None = setting(None, "Passes over …", within=at_least(1), free=True)

Flags, checks, the names of directories, model cards, the columns of a table of runs and
what a person may give a study all derive from this.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
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
POSITIVE = Range("above 0", lambda v: math.isfinite(v) and v > 0)
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
        within: the `Range` of a number, or None.
        listed: whether a list of values makes an experiment of each.
        level: whether it names a level of a run's directory.
        material: whether it says what is computed, and not how.
        on_card: whether a model card speaks of it in a sentence of its own.
        free: whether a person may give a study another value than its own.
    """

    help: str
    names: Callable | None = None
    closed: bool = True
    within: Range | None = None
    listed: bool = False
    level: bool = False
    material: bool = True
    on_card: bool = False
    free: bool = False

    def check(self, name, value):
        """Raises ConfigError for a value that cannot be, naming what is allowed."""
        if self.names and self.closed and value is not None:
            for one in value if isinstance(value, tuple) else (value,):
                if one not in self.names():
                    allowed = ", ".join(self.names())
                    raise ConfigError(f"{name} must be one of {allowed}, got {one!r}")
        if self.within and not self.within.holds(value):
            raise ConfigError(f"{name} must be {self.within.words}, got {value}")


def setting(default, help, **facts):
    """A field of a dataclass with the `Setting` that its facts make."""
    return dataclasses.field(
        default=default, metadata={"setting": Setting(help, **facts)}
    )


def settings_of(config):
    """The settings of a dataclass, or of one of it: dict from name to `Setting`."""
    return {
        field.name: field.metadata["setting"] for field in dataclasses.fields(config)
    }
