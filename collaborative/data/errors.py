"""What can be wrong with a data set, as one line for a person."""

from __future__ import annotations

from collaborative.system.errors import UserError


class DatasetError(UserError):
    """A data set cannot be had as asked for; the message is one line for a person."""


class NotPrepared(DatasetError):
    """A data set that lies nowhere; the message says how to get it."""


class DatasetChoiceError(DatasetError):
    """A wrong name, split or number was asked for; the message says what is allowed."""

    status = 2


def damaged(folder, reason):
    """The error of a prepared set that cannot be read."""
    return DatasetError(
        f"{folder} is damaged ({reason}): move it away and get the set anew"
    )
