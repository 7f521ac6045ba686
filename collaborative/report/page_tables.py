"""Tables as the page shows them: aligned at the decimal point, with links to runs."""

from __future__ import annotations

import dataclasses
import re

from collaborative.experiments import reference
from collaborative.report.tables import file_name

_NUMBER = re.compile(r"([-+]?[\d,]+)(\.\d+)?( ± [\d.]+)?(.*)", re.DOTALL)
_MINUS = "\N{MINUS SIGN}"  # as wide as a plus
_NOT_OURS = ("paper", "diff.")  # ends of heads of columns that rest on no run


@dataclasses.dataclass(frozen=True)
class PageRow:
    """A row: the text of its head, and its other cells."""

    head: str
    cells: list[PageCell]


@dataclasses.dataclass(frozen=True)
class PageCell:
    """A cell in parts, so that numbers of a column align at the decimal point.

    whole: the digits before the point, "" where it is no number; width: the characters
    that those of the column take; rest: the fraction, or a text; interval: " ± ...";
    note: what stands after it in brackets; link: the id of the runs that the number
    rests on, "" where there are none.
    """

    whole: str
    width: int
    rest: str
    interval: str
    note: str
    bold: bool
    link: str


def laid_out(table, links):
    """The rows of a table as the page shows them.

    Args:
        table: a `tables.Table`; the first cell of a row is its head.
        links: dict from the head of a row to the id of its runs on the page.

    Returns:
        A list of `PageRow`.
    """
    heads = [row[0].text for row in table.rows]
    columns = []
    for place, name in enumerate(table.header[1:], start=1):
        parts = _column([row[place] for row in table.rows])
        is_ours = not name.endswith(_NOT_OURS)
        columns.append(
            [
                # What is no number, such as the name of a model, rests on no run.
                PageCell(*part, link=links.get(head, "") if is_ours and part[0] else "")
                for head, part in zip(heads, parts, strict=True)
            ]
        )
    return [
        PageRow(head, [column[place] for column in columns])
        for place, head in enumerate(heads)
    ]


def _column(cells):
    """The first fields of the `PageCell`s of a column."""
    found = [_NUMBER.fullmatch(cell.text) for cell in cells]
    wholes = [match[1].replace("-", _MINUS) if match else "" for match in found]
    width = max(map(len, wholes), default=0)
    parts = []
    for cell, match, whole in zip(cells, found, wholes, strict=True):
        if match is None:
            parts.append(("", width, cell.text, "", "", cell.bold))
            continue
        fraction, interval, note = (match[group] or "" for group in (2, 3, 4))
        if note and not note.startswith(" ("):  # a unit, or a number of another kind
            fraction, interval, note = fraction + interval + note, "", ""
        parts.append(
            (whole, width, fraction, interval.strip(), note.strip(), cell.bold)
        )
    return parts


def run_anchor(run):
    """The id of a run on the page, from its name."""
    return f"run-{file_name(run)}"


def setting_anchor(dataset, method, alpha):
    """The id on the page of the runs of a data set in the paper's setting."""
    return file_name(f"runs-{dataset}-{reference.label(method, alpha)}")


def links(runs, dataset):
    """Dict from the label of each method of a data set to the id of its runs.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        dataset: whose.
    """
    chosen = runs.loc[runs["dataset"] == dataset, ["method", "alpha"]]
    return {
        reference.label(*setting): setting_anchor(dataset, *setting)
        for setting in set(chosen.itertuples(index=False, name=None))
    }
