"""Things that are chosen by name, and to which people may add their own."""

from __future__ import annotations

import functools
import inspect
import re
from typing import NamedTuple


class Form(NamedTuple):
    """What a name must look like: a pattern, and words that complete "must be"."""

    pattern: str
    words: str


# What flags, lists and directories can hold.
PLAIN = Form(r"[\w.+-]+", "of letters, digits, _, ., + and -")


class Registry(dict):
    """Things by name.

    Args:
        kind: what one of them is called in messages, e.g. "method".
        reserved: names that none may take.
        form: the `Form` of its names.
    """

    hint = "one of your own is to be registered first (--costs)"

    def __init__(self, kind, reserved=(), form=PLAIN):
        super().__init__()
        self.kind = kind
        self.reserved = reserved
        self.form = form
        self._sources = {}

    def check(self, name):
        """Raises ValueError for a name that no new thing can have."""
        if not (isinstance(name, str) and re.fullmatch(self.form.pattern, name)):
            raise ValueError(
                f"a {self.kind}'s name must be {self.form.words}, got {name!r}"
            )
        if name in self.reserved:
            raise self._taken(name)

    def add(self, name, thing, function=None):
        """Adds a thing under a name.

        Args:
            name: as `check` has it.
            thing: what is added.
            function: that a person wrote; None: the thing. One of the same name in the
                same file or module takes the place of the one there: the file has been
                read again, or a notebook's cell.

        Raises:
            ValueError: for a name that is taken or cannot be one.
        """
        self.check(name)
        sources = _sources(thing if function is None else function)
        if name in self and not sources & self._sources.get(name, set()):
            raise self._taken(name)
        self[name] = thing
        self._sources[name] = sources

    def _taken(self, name):
        return ValueError(
            f"there is a {self.kind} {name!r} already: choose another name"
        )

    def find(self, name):
        """The thing of that name.

        Raises:
            ValueError: where there is none, with the names that there are.
        """
        if name not in self:
            raise ValueError(
                f"{self.kind} must be one of {', '.join((*self, *self.reserved))}, got "
                f"{name!r}; {self.hint}"
            )
        return self[name]


def _sources(function):
    """Where a function stands: pairs of its file and of its module with its name."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return {id(function)}
    name = function.__qualname__
    if "<lambda>" in name:  # a file may have several
        name = f"{name} in line {code.co_firstlineno}"
    return {(code.co_filename, name), (function.__module__, name)}
