"""Parts of a claim, and what they are decided by."""

from __future__ import annotations

import dataclasses

from collaborative.report import layout

MORE_SEEDS = "more seeds (an interval includes zero)"


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a claim.

    holds: True, False, or None where it is open; missing: runs, or more seeds, that
    would be needed then; seeds: the fewest that it rests on, 0 where on no runs;
    dataset: whose it is, None where of none.
    """

    text: str
    holds: bool | None
    missing: tuple[str, ...] = ()
    seeds: int = 0
    dataset: str | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """A `layout.Difference`, or None and the runs that are missing."""

    difference: layout.Difference | None
    missing: tuple[str, ...] = ()

    @property
    def below(self):
        """Whether the first is below the second; None where it cannot be told."""
        return self.difference.below if self.difference else None

    @property
    def seeds(self):
        """Seeds of the comparison, 0 where there is none."""
        return self.difference.seeds if self.difference else 0

    @property
    def needed(self):
        """What it would take to tell."""
        if self.difference is None:
            return self.missing or ("runs of both with a seed in common",)
        return () if self.below is not None else (MORE_SEEDS,)

    def part(self, text, dataset):
        """The part that the first is below."""
        return Part(text, self.below, self.needed, self.seeds, dataset)


def conjunction(values):
    """False where one is false, else None where one is None, else True."""
    values = list(values)
    if False in values:
        return False
    return None if None in values else True


def count_below(text, found, at_least, dataset):
    """The part that at least so many of `found` are below.

    Args:
        text: names the part.
        found: list of `Found`, of one family.
        at_least: how many.
        dataset: whose they are.
    """
    below = sum(f.below is True for f in found)
    open_ones = [f for f in found if f.below is None]
    holds = None
    if below >= at_least:
        holds = True
    elif below + len(open_ones) < at_least:
        holds = False
    text += f": {below} of {len(found)} lower, {at_least} wanted"
    if open_ones:
        text += f", {len(open_ones)} open"
    missing = tuple(need for f in open_ones for need in f.needed)
    missing = missing if holds is None else ()
    return Part(text, holds, missing, _fewest_seeds(found), dataset)


def _fewest_seeds(found):
    return min((f.seeds for f in found if f.seeds), default=0)
