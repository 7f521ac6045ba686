"""The paper's Figures A.7 to A.12, final test errors and costs, as tables.

A row for each method and weight in the paper's order; ST, M and ensemble side by side;
the best of a column in bold. Beside our number stand the paper's and the difference.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

import pandas as pd

from collaborative.data import own_names
from collaborative.experiments import reference
from collaborative.report import comparison
from collaborative.runs import run_table
from collaborative.system import files

UNITS = {"error": "test error %", "cost": "test cost"}
DIGITS = {"error": 2, "cost": 4}
_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """What stands in a cell; bold where it is the best of its column."""

    text: str
    bold: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table to be written: `rows` of `Cell`, and the full numbers as `data`."""

    name: str  # of its files
    caption: str
    header: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    data: pd.DataFrame


def results_table(runs, paper, dataset, quantity):
    """The paper's table of final test errors or costs of a data set.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        paper: `author_runs.load()` to compare with; None where `runs` are these,
            which then are shown with all of the digits that the paper has.
        dataset: whose table.
        quantity: "error" (in %) or "cost".

    Returns:
        A `Table`. With several seeds a number is their mean with the 95 % interval.
    """
    ours = _results(runs, dataset, quantity)
    theirs_name = reference.paper_dataset(dataset) if paper is not None else None
    theirs = _results(paper, theirs_name, quantity) if theirs_name else None
    settings = {(m, a) for table in (ours, theirs) if table is not None
                for m, a, _ in table.index}  # fmt: skip
    rows = []
    for method, alpha in reference.in_order(settings):
        for model in reference.MODELS:
            key = (method, alpha, model)
            row = {"method": method, "alpha": alpha, "model": model}
            row |= _values(ours, key, quantity)
            if theirs is not None:
                row["paper"] = _values(theirs, key, quantity)[quantity]
                row["difference"] = row[quantity] - row["paper"]
            rows.append(row)
    data = pd.DataFrame(rows)
    number = reference.figure_number(dataset, "A", 7, quantity == "cost")
    return Table(
        name="_".join(filter(None, ("table", number, file_name(dataset), quantity))),
        caption=f"{reference.dataset_label(dataset)}, final {UNITS[quantity]}"
        + (f" (Figure {number})" if number else "")
        + _seeds_note(ours),
        header=heads(theirs is not None),
        rows=_rows(data, quantity, "" if paper is None else DIGITS[quantity]),
        data=data,
    )


def _results(runs, dataset, quantity):
    """Mean, half width and seeds of a data set's results, by method, alpha, model."""
    summary = comparison.final_summary(runs[runs["dataset"] == dataset])
    return summary.droplevel("dataset")[[quantity, f"{quantity}_half_width", "seeds"]]


def _values(results, key, quantity):
    if key in results.index:
        return results.loc[key].to_dict()
    return {quantity: float("nan"), f"{quantity}_half_width": float("nan"), "seeds": 0}


def heads(compared):
    """The heads of columns: method, then each model, beside the paper's or not."""
    names = {"ensemble": "Ens"}
    columns = ("", " paper", " diff.") if compared else ("",)
    models = (names.get(model, model) for model in reference.MODELS)
    return ("method", *(f"{model}{column}" for model in models for column in columns))


def _seeds_note(results):
    fewest, most = results["seeds"].min(), results["seeds"].max()
    if most < 2:
        return ""
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"; means of {seeds} seeds with 95 % intervals"


def _rows(data, quantity, digits):
    """The cells of a table from its numbers."""
    shown = [quantity] + (["paper"] if "paper" in data else [])
    best = data.groupby("model")[shown].min()
    rows = []
    for (method, alpha), part in data.groupby(["method", "alpha"], sort=False):
        cells = [Cell(reference.label(method, alpha))]
        for row in part.to_dict("records"):
            for column in shown:
                text = _number(row[column], digits)
                width = row[f"{quantity}_half_width"]
                if column == quantity and width == width:
                    text += f" ± {width:.{digits}f}"
                cells.append(Cell(text, row[column] == best.loc[row["model"], column]))
            if "paper" in data:
                cells.append(Cell(_number(row["difference"], digits, "+")))
        rows.append(tuple(cells))
    return rows


def _number(value, digits, sign=""):
    """A number with so many decimals, or "" for as the paper prints it."""
    if value != value:
        return "-"
    return f"{value:.6g}" if digits == "" else f"{value:{sign}z.{digits}f}"


def other_runs_table(runs, balanced=None):
    """Runs that are not in the paper's setting, one row each, with what differs.

    Settings are to be chosen by the validation errors, where images were set aside.

    Args:
        runs: rows of `run_table.load_runs`.
        balanced: of runs with unequal classes, see `class_errors.balanced`.
    """
    final = run_table.final_epochs(runs[runs["setting"] != ""])
    final = final.sort_values("run", kind="stable")
    rows = []
    for _, run in itertools.groupby(final.itertuples(), lambda row: row.run):
        run = list(run)
        first = run[0]
        results = "; ".join(
            f"{row.model} {error_text(row, balanced)} / {_number(row.test_cost, 4)}"
            for row in run
        )
        validated = "; ".join(
            f"{row.model} {_number(100 * row.validation_error, 2)}"
            for row in run
            if pd.notna(row.validation_error)
        )
        setting = reference.label(first.method, first.alpha)
        dataset = own_names.short_name(first.dataset)
        texts = (dataset, first.members, setting, str(first.seed))
        rows.append(tuple(map(Cell, (*texts, first.setting, validated, results))))
    header = ("data set", "members", "method", "seed", "differs from the paper in")
    return Table(
        name="table_other_runs",
        caption="Runs in other settings: not comparable with the paper's numbers",
        header=(*header, "validation error %", "test error % / cost"),
        rows=rows,
        data=final,
    )


def error_text(row, balanced=None):
    """The test error of a row of runs in %, with the balanced one where it counts."""
    error = (balanced or {}).get((row.run, row.model))
    extra = "" if error is None else f" (balanced {_number(100 * error, 2)})"
    return _number(100 * row.test_error, 2) + extra


def markdown(table):
    """The table in Markdown, best values in bold."""

    def line(texts):
        return "| " + " | ".join(map(escape_markdown, texts)) + " |"

    body = [
        line(f"**{cell.text}**" if cell.bold else cell.text for cell in row)
        for row in table.rows
    ]
    rule = line(["---"] + ["---:"] * (len(table.header) - 1))
    return (
        "\n".join([escape_markdown(table.caption), "", line(table.header), rule, *body])
        + "\n"
    )


def latex(table):
    """The table as a LaTeX tabular with booktabs' rules, best values in bold."""

    def line(texts):
        return " & ".join(texts) + r" \\"

    def shown(cell):
        text = escape_latex(cell.text)
        return rf"\textbf{{{text}}}" if cell.bold else text

    columns = "l" + "r" * (len(table.header) - 1)
    head = ["% " + " ".join(table.caption.split()), rf"\begin{{tabular}}{{{columns}}}"]
    header = line(map(escape_latex, table.header))
    body = [line(map(shown, row)) for row in table.rows]
    end = [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*head, r"\toprule", header, r"\midrule", *body, *end]) + "\n"


def escape_markdown(text):
    """Text from a file as one cell of a Markdown table, without HTML."""
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")


def escape_latex(text):
    """Text as LaTeX shows it literally."""
    return "".join(_LATEX.get(character, character) for character in text)


def file_name(name):
    """A name from a file, or of a data set, as part of a file's name."""
    return re.sub(r"[^\w.-]", "_", own_names.short_name(name))


def write(table, directory):
    """Writes a table as .md, .tex and .csv (with all digits); the directory is made."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "md": markdown(table),
        "tex": latex(table),
        "csv": table.data.to_csv(index=False),
    }
    for suffix, text in texts.items():
        with files.replacing(directory / f"{table.name}.{suffix}") as path:
            path.write_text(text, encoding="utf-8")
