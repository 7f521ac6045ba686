"""Things that are chosen by name, and to which people may add their own."""

from __future__ import annotations

import contextlib
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


_new = None  # pairs (kind, name) added within `each_name_once`


@contextlib.contextmanager
def each_name_once():
    """Refuses, within the block, a name that is added twice.

    Elsewhere the second takes the place of the first: a notebook's cell runs again.
    """
    global _new
    _new = set()
    try:
        yield
    finally:
        _new = None


class Registry(dict):
    """Things by name.

    Args:
        kind: what one of them is called in messages, e.g. "method".
        reserved: names that none may take.
        form: the `Form` of its names.
    """

    hint = "one of your own is to be registered first (--plugin)"

    def __init__(self, kind, reserved=(), form=PLAIN):
        super().__init__()
        self.kind = kind
        self.reserved = reserved
        self.form = form
        self._sources = {}

    def check(self, name, function=None):
        """Raises ValueError for a name that nothing new, or no such function, can have.

        One of the same name in the same file or module can take the place of the one
        there: the file has been read again, or a notebook's cell.
        """
        if not (isinstance(name, str) and re.fullmatch(self.form.pattern, name)):
            raise ValueError(
                f"a {self.kind}'s name must be {self.form.words}, got {name!r}"
            )
        again = function and _sources(function) & self._sources.get(name, set())
        if name in self.reserved or (function and name in self and not again):
            raise ValueError(
                f"there is a {self.kind} {name!r} already: choose another name"
            )

    def add(self, name, thing, function=None):
        """Adds a thing under a name.

        Args:
            name: as `check` has it.
            thing: what is added.
            function: that a person wrote; None: the thing.

        Raises:
            ValueError: for a name that is taken or cannot be one.
        """
        function = function or thing
        self.check(name, function)
        if _new is not None:
            if (self.kind, name) in _new:
                raise ValueError(f"the {self.kind} {name!r} is registered twice")
            _new.add((self.kind, name))
        self[name] = thing
        self._sources[name] = _sources(function)

    def find(self, name):
        """The thing of that name.

        Raises:
            ValueError: where there is none, with the names that there are.
        """
        if name not in self:
            raise ValueError(
                f"{self.kind} must be one of "
                f"{', '.join((*self, *self.reserved)) or 'none yet'}, got {name!r}; "
                f"{self.hint}"
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
