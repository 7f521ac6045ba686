"""The paper's observations of section 6.1, each checked on a table of runs.

Each check is a function whose docstring is the rule: what counts as holding, set down
before any verdict was computed with it. Where the words can be read in two ways the
rule takes the one that favours them. A claim is a conjunction of parts; a part is true,
false, or open: where runs are missing, or an interval includes zero. How intervals are
made, and what a verdict is, is written in docs/statistics.md.

"Lower" is always the test error after the last epoch, "traditional" is the method
Single, and the "counterpart" of a collaborative model is the traditional model of the
same kind on the same data set. L2 0.01 is the paper's choice for a closer look.

`performance` is the first list, `training` the second, `evidence` and
`parts` what both use.
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from collaborative.datasets import spec
from collaborative.experiments.reference import dataset_label
from collaborative.report import inference_cost, tables
from collaborative.report.claims import performance, training
from collaborative.report.claims.evidence import Evidence
from collaborative.report.claims.parts import Part, conjunction

MARKS = {True: "yes", False: "no", None: "open"}
VERDICTS = {True: "holds", False: "does not hold", None: "open"}
STAND_IN = {True: "supports it", False: "speaks against it", None: "open"}
THE_PAPERS = "the paper's notMNIST (its stand-in speaks against it)"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A checked claim.

    number: list and place in section 6.1 ("1.6"); verdict: "holds", "does not hold" or
    "open", with "(one seed)" where it rests on one; by_dataset: the same for
    each data set that it speaks of, and what a stand-in says; missing: what would be
    needed to tell.
    """

    number: str
    name: str
    statement: str
    rule: str
    verdict: str
    by_dataset: dict[str, str]
    parts: list[Part]
    missing: str

    @property
    def tells(self):
        """Whether there is a verdict, of one data set at least."""
        given = {self.verdict, *self.by_dataset.values()}
        return bool(given - {VERDICTS[None], STAND_IN[None]})


def check_all(runs, inference=None, records=None):
    """Checks both lists of section 6.1, the six observations and the five.

    Args:
        runs: rows of `run_table.load_runs`.
        inference: what `inference_cost.measure` gave; None: without measured times.
        records: what `records.load` gave; None: with one seed signs decide.

    Returns:
        List of `Claim`, in the paper's order.
    """
    evidence = Evidence(runs, inference or inference_cost.sizes(), records)
    return [
        *_check(evidence, performance.STATEMENTS, 1),
        *_check(evidence, training.STATEMENTS, 2),
    ]


def _check(evidence, statements, list_number):
    claims = []
    for place, (check_claim, statement) in enumerate(statements.items(), start=1):
        parts = check_claim(evidence)
        datasets = dict.fromkeys(part.dataset for part in parts if part.dataset)
        verdict = _verdict(map(_decisive, parts), parts, VERDICTS)
        claims.append(
            Claim(
                number=f"{list_number}.{place}",
                name=check_claim.__name__.replace("_", " "),
                statement=statement,
                rule=" ".join((check_claim.__doc__ or "").split()),
                verdict=verdict,
                by_dataset={
                    dataset: _of_dataset(parts, dataset) for dataset in datasets
                },
                parts=parts,
                missing=_missing(parts) if verdict == VERDICTS[None] else "",
            )
        )
    return claims


def _decisive(part):
    """What a part decides: a stand-in's failure does not speak for the paper's set."""
    stands_in = part.dataset and spec(part.dataset).stands_for
    return None if stands_in and part.holds is False else part.holds


def _of_dataset(parts, dataset):
    own = [part for part in parts if part.dataset == dataset]
    words = STAND_IN if spec(dataset).stands_for else VERDICTS
    return _verdict((part.holds for part in own), own, words)


def _verdict(decided, parts, words):
    holds = conjunction(decided)
    one_seed = holds is not None and 1 in {part.seeds for part in parts}
    return words[holds] + " (one seed)" * one_seed


def _missing(parts):
    """What all open parts need, each once."""
    needs = [need for part in parts for need in part.missing]
    needs += [THE_PAPERS for part in parts if part.holds is not _decisive(part)]
    return ", ".join(dict.fromkeys(needs))


def overview(checked, paper=None):
    """The verdicts at a glance.

    Args:
        checked: what `check_all` gave.
        paper: the same for the author's own numbers, to stand beside; or None.

    Returns:
        A `tables.Table` with a row for each claim.
    """
    datasets = dict.fromkeys(name for claim in checked for name in claim.by_dataset)
    rows = []
    for place, claim in enumerate(checked):
        row = {"claim": f"{claim.number} {claim.name}"}
        row |= {name: claim.by_dataset.get(name, "-") for name in datasets}
        row["verdict"] = claim.verdict
        if paper is not None:
            row["paper_verdict"] = paper[place].verdict
        rows.append(row)
    theirs = () if paper is None else ("on the author's numbers",)
    names = (dataset_label(name) for name in datasets)
    return tables.Table(
        name="table_claims",
        caption="The verdicts; an observation holds if it does on each data set. A "
        "stand-in for the paper's notMNIST may support it and cannot fail it. Open: "
        "an interval includes zero, or signs are split evenly",
        header=("observation", *names, "verdict", *theirs),
        rows=[tuple(tables.Cell(str(value)) for value in row.values()) for row in rows],
        data=pd.DataFrame(rows),
    )


def markdown(checked, at_a_glance, made_on=()):
    """The claims with rules, verdicts and numbers, below their `overview`, as text.

    Args:
        checked: what `check_all` gave.
        at_a_glance: their `overview`.
        made_on: lines of `origins.notes`.
    """
    lines = ["# The observations of section 6.1", "", tables.markdown(at_a_glance)]
    lines += [*(f"- {line}" for line in made_on), ""] if made_on else []
    for claim in checked:
        lines += [f"## {claim.number} {claim.name}: {claim.verdict}", ""]
        lines += [f"> {claim.statement}", "", f"Rule: {claim.rule}", ""]
        if claim.missing:
            lines += [f"Missing: {claim.missing}", ""]
        lines += [f"- {MARKS[part.holds]}: {part.text}" for part in claim.parts]
        lines.append("")
    return "\n".join(lines)
