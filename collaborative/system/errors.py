"""What a person can put right, as an exception."""

from __future__ import annotations


class UserError(Exception):
    """Something that a person can put right: the message is one line that says how.

    Attributes:
        status: what a command that meets it exits with: 2 where its arguments are
            wrong, 1 where it cannot go on.
    """

    status = 1
