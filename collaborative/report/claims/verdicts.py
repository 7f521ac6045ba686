"""The paper's observations of section 6.1, each checked on a table of runs.

Each check is a function whose docstring is the rule: what counts as holding, set down
before any verdict was computed. Where the words can be read in two ways the rule takes
the one that favours them. A claim is a conjunction of parts; a part is true,
false, or open. It is open where runs are missing, or where there are several seeds and
the 95 % interval of a paired difference includes zero. With one seed the sign decides,
and the verdict says so.

"Lower" is always the test error after the last epoch, "traditional" is the method
Single, and the "counterpart" of a collaborative model is the traditional model of the
same kind on the same data set. L2 0.01 is the paper's choice for a closer look.

`performance` is the first list, `training` the second, `evidence` what both use.
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from collaborative.report import footprint, tables
from collaborative.report.claims import performance, training
from collaborative.report.claims.evidence import (
    Evidence,
    Part,
    conjunction,
)

MARKS = {True: "yes", False: "no", None: "open"}


@dataclasses.dataclass(frozen=True)
class Claim:
    """A checked claim.

    number: list and place in section 6.1 ("1.6"); verdict: "holds", "does not hold" or
    "cannot be told", with "(one seed)" where it rests on one; missing: what would be
    needed to tell.
    """

    number: str
    name: str
    statement: str
    rule: str
    verdict: str
    parts: list[Part]
    missing: str


def check_all(runs, inference=None):
    """Checks both lists of section 6.1, the six observations and the five.

    Args:
        runs: rows of `run_table.load_runs`.
        inference: what `footprint.measure` gave; None: without measured times.

    Returns:
        List of `Claim`, in the paper's order.
    """
    evidence = Evidence(runs, inference or footprint.sizes())
    return [
        *_check(evidence, performance.STATEMENTS, 1),
        *_check(evidence, training.STATEMENTS, 2),
    ]


def _check(evidence, statements, list_number):
    claims = []
    for place, (check_claim, statement) in enumerate(statements.items(), start=1):
        parts = check_claim(evidence)
        verdict = {True: "holds", False: "does not hold", None: "cannot be told"}[
            conjunction(part.holds for part in parts)
        ]
        if verdict != "cannot be told" and 1 in {part.seeds for part in parts}:
            verdict += " (one seed)"
        claims.append(
            Claim(
                number=f"{list_number}.{place}",
                name=check_claim.__name__.replace("_", " "),
                statement=statement,
                rule=" ".join((check_claim.__doc__ or "").split()),
                verdict=verdict,
                parts=parts,
                missing=_missing(parts) if verdict == "cannot be told" else "",
            )
        )
    return claims


def _missing(parts):
    """What all open parts need, each once."""
    return ", ".join(dict.fromkeys(need for part in parts for need in part.missing))


def overview(checked, paper=None):
    """The verdicts at a glance.

    Args:
        checked: what `check_all` gave.
        paper: the same for the author's own numbers, to stand beside; or None.

    Returns:
        A `tables.Table` with a row for each claim.
    """
    rows = []
    for place, claim in enumerate(checked):
        row = {"claim": f"{claim.number} {claim.name}", "verdict": claim.verdict}
        if paper is not None:
            row["paper_verdict"] = paper[place].verdict
        holding = [part.holds for part in claim.parts]
        rows.append(row | {mark: holding.count(holds) for holds, mark in MARKS.items()})
    theirs = () if paper is None else ("on the author's numbers",)
    return tables.Table(
        name="table_claims",
        caption="The verdicts; an observation holds if all of its parts do",
        header=("observation", "verdict", *theirs, "parts: yes", "no", "open"),
        rows=[tuple(tables.Cell(str(value)) for value in row.values()) for row in rows],
        data=pd.DataFrame(rows),
    )


def markdown(checked, at_a_glance):
    """The claims with rules, verdicts and numbers, below their `overview`, as text."""
    lines = ["# The observations of section 6.1", "", tables.markdown(at_a_glance)]
    for claim in checked:
        lines += [f"## {claim.number} {claim.name}: {claim.verdict}", ""]
        lines += [f"> {claim.statement}", "", f"Rule: {claim.rule}", ""]
        if claim.missing:
            lines += [f"Missing: {claim.missing}", ""]
        lines += [f"- {MARKS[part.holds]}: {part.text}" for part in claim.parts]
        lines.append("")
    return "\n".join(lines)
