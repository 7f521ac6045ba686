"""All studies at a glance: what was asked and expected, what came out, how sure."""

from __future__ import annotations

import pandas as pd

from collaborative.report import styles
from collaborative.report.studies import results
from collaborative.report.tables import Cell, Table

NAMED = 2  # differences of each study
HEADER = ("study", "question", "expected", "run on", "what came out", "how sure")


def table(findings):
    """A row for each study and each size of it.

    Args:
        findings: list of `findings.Finding`, those of a study one after the other.

    Returns:
        A `tables.Table`. Of the rows of one study the first has its question.
    """
    rows, before = [], None
    for finding in findings:
        study, is_first = finding.study, finding.name != before
        before = finding.name
        # What was expected was written down for one data set.
        is_own = finding.base["dataset"] == study.base["dataset"]
        question = study.question if is_first else "the same"
        expected = (study.prediction if is_own else "") or "-"
        came_out = _what_came_out(*results.compared(finding))
        rows.append(
            (finding.name, question, expected, results.run_on(finding), *came_out)
        )
    return Table(
        name="studies",
        caption="The studies at a glance, with the largest clear differences in "
        "points, fewer errors first",
        header=HEADER,
        rows=[tuple(map(Cell, texts)) for texts in rows],
        data=pd.DataFrame(rows, columns=HEADER),
    )


def _what_came_out(clear, open_ones):
    """(The largest clear differences, how many are clear and how large others are)."""
    if not clear and not open_ones:
        return "-", "one seed"
    named = [_in_short(*key, difference) for key, difference in clear[:NAMED]]
    if len(clear) > NAMED:
        named.append(f"{len(clear) - NAMED} further")
    sure = f"{len(clear)} of {len(clear + open_ones)} clear"
    if open_ones:
        sure += f", the others up to {abs(open_ones[0][1].mean):.2f}"
    return "; ".join(named) or "nothing clear", sure


def _in_short(arm, control, model, difference):
    name = styles.NAMES.get(model, model)
    return (
        f"{name} {difference.mean:+.2f} ± {difference.half_width:.2f} with “{arm}” "
        f"against “{control}”"
    )
