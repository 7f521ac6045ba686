"""What can be wrong with a data set, as one line for a person."""

from __future__ import annotations

import re

from collaborative.system.errors import UserError


class DatasetError(UserError):
    """A data set cannot be had as asked for; the message is one line for a person."""


class DatasetChoiceError(DatasetError):
    """A wrong name, split or number was asked for; the message says what is allowed."""

    status = 2


def damaged(folder, reason):
    """The error of a prepared set that cannot be read."""
    return DatasetError(
        f"{folder} is damaged ({reason}): move it away and get the set anew"
    )


def first_line(error):
    """The reason in an error text, without what TensorFlow and tfds put around it."""
    around = r"\{\{.*?\}\}|\[Op:\w*\].*|Failed to construct dataset \".*?\}\": "
    text = re.sub(around, "", str(error)).strip()
    return text.splitlines()[0][:300].rstrip(" :.") if text else type(error).__name__
