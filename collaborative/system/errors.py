"""What a person can put right, as an exception."""

from __future__ import annotations

import re
import textwrap


class UserError(Exception):
    """Something that a person can put right: the message is one line that says how.

    Attributes:
        status: what a command that meets it exits with: 2 where its arguments are
            wrong, 1 where it cannot go on.
    """

    status = 1


class PlaceTaken(UserError):
    """Something that is not ours lies where output should go.

    Args:
        what: it is, and is not, e.g. "index.html is no report".
    """

    def __init__(self, what):
        advice = "move it away, or give another --output_dir"
        super().__init__(f"{what}, and would be lost: {advice}")


# What TensorFlow and tfds put around the reason.
_AROUND = re.compile(
    r"\{\{.*?\}\}|\[Op:\w*\].*|Failed to construct dataset \".*?\}\": "
)


def reason_of(error):
    """What an exception says first of all: one line of at most 300 characters.

    Of what the system raises without the path; of what Keras and TensorFlow raise the
    innermost reason, without all arguments.
    """
    said = getattr(error, "strerror", None) or str(error)
    # A layer that cannot be rebuilt is an error of each model around it.
    said = said.rpartition("Exception encountered: ")[2]
    # A layer that cannot be called: the reason is in bold.
    said = said.rpartition("\x1b[1m")[2].partition("\x1b[0m")[0]
    said = _AROUND.sub("", said).strip()
    first = said.partition("\n")[0].partition(" Full object config")[0].rstrip(" :.")
    return textwrap.shorten(first or type(error).__name__, 300)
