"""Words for a person to read: numbers with their nouns, lists, names of files."""

from __future__ import annotations

_NAMED = 10  # of a list


def counted(number, noun):
    """A number and its noun, e.g. "1 epoch" or "2,000 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_of(names):
    """The first ten of a list, and how many more there are."""
    more = len(names) - _NAMED
    told = ", ".join(names[:_NAMED])
    return f"{told} and {more:,} more" if more > 0 else told


def printable(name):
    r"""A file's name on one line: line breaks and the like as \n, \x1b, \udcff."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name)
    )
