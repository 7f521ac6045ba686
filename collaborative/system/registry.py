"""Things that are chosen by name, and to which people may add their own."""

from __future__ import annotations

import re


class Registry(dict):
    """Things by name.

    Args:
        kind: what one of them is called in messages, e.g. "method".
        reserved: names that none may take.
    """

    def __init__(self, kind, reserved=()):
        super().__init__()
        self.kind = kind
        self.reserved = reserved

    def check(self, name):
        """Checks a name for a new thing, which flags, lists and directories hold.

        Raises:
            ValueError: for a name that is taken or cannot be one.
        """
        if not (isinstance(name, str) and re.fullmatch(r"[\w.+-]+", name)):
            raise ValueError(
                f"a {self.kind}'s name must be of letters, digits, _, ., + and -, "
                f"got {name!r}"
            )
        if name in self.reserved or name in self:
            raise ValueError(
                f"there is a {self.kind} {name!r} already: choose another name"
            )

    def add(self, name, thing):
        """Adds a thing under a name; raises as `check`."""
        self.check(name)
        self[name] = thing

    def find(self, name):
        """The thing of that name.

        Raises:
            ValueError: where there is none, with the names that there are.
        """
        if name not in self:
            raise ValueError(
                f"{self.kind} must be one of {', '.join((*self, *self.reserved))}, got "
                f"{name!r}; one of your own is to be registered first"
            )
        return self[name]
