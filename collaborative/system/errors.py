"""What a person can put right, as an exception."""

from __future__ import annotations

import textwrap


class UserError(Exception):
    """Something that a person can put right: the message is one line that says how.

    Attributes:
        status: what a command that meets it exits with: 2 where its arguments are
            wrong, 1 where it cannot go on.
    """

    status = 1


def reason_of(error):
    """What an error of Keras says first of all: one line, without all arguments."""
    # A layer that cannot be rebuilt is an error of each model around it.
    said = str(error).rpartition("Exception encountered: ")[2]
    # A layer that cannot be called: the reason is in bold.
    said = said.rpartition("\x1b[1m")[2].partition("\x1b[0m")[0]
    first = said.strip().partition("\n")[0].partition(" Full object config")[0]
    return textwrap.shorten(first or type(error).__name__, 300)
