"""Numbers with their nouns, for a person to read."""

from __future__ import annotations


def counted(number, noun):
    """A number and its noun, e.g. "1 epoch" or "2,000 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
