"""What a section of the report is made of, and how it writes what it makes."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import pandas as pd

from collaborative.experiments import reference
from collaborative.report import figures, inline_svg, tables
from collaborative.system import files
from collaborative.system.errors import UserError, reason_of


@dataclasses.dataclass(frozen=True)
class Context:
    """What all sections are made of.

    runs: rows of `run_table.load_runs`, or the author's; records: of the trained
    models, see `records.load`; paper: the author's runs, None where `runs` are these;
    places: of data sets, None without sample images; costs: of
    `inference_cost.measure`, or None; exports: of `exports.load`; left_out: lines on
    files that were left out; say: is called with a line for each part that there is
    none of; absent: these lines.
    """

    runs: pd.DataFrame
    output_dir: pathlib.Path
    records: dict
    paper: pd.DataFrame | None
    places: dict | None
    costs: dict | None
    exports: pd.DataFrame
    left_out: tuple[str, ...]
    say: Callable[[str], None]
    absent: list[str] = dataclasses.field(default_factory=list)

    @property
    def has_paper_datasets(self):
        """Whether any run is on a data set of the paper, or on one that stands in."""
        return any(map(reference.paper_dataset, self.runs["dataset"].unique()))

    def optional(self, what, make, *arguments):
        """What `make(*arguments)` gives; where it fails, None and a line.

        For what rests on data sets and files that a report can do without: one that is
        damaged must not cost all the rest.

        Args:
            what: names it in the line.
            make: a function.
            *arguments: of the function.
        """
        try:
            return make(*arguments)
        # Readers of data sets and broken statistics end in nearly any exception.
        except Exception as error:
            said = str(error)
            if not isinstance(error, UserError):  # it says the less, the less expected
                said = f"{type(error).__name__}: {reason_of(error)}"
            self.absent.append(f"no {what}: {said}")
            self.say(self.absent[-1])
            return None

    def table(self, table):
        """Writes a table, if there is one, and gives it for the page."""
        if table is not None:
            tables.write(table, self.output_dir / "tables")
        return table

    def figure(self, figure, name, caption, narrow=None, part=""):
        """Writes a figure, and gives its caption and its picture as a data URI.

        Args:
            figure: of matplotlib.
            name: the figure's number in the paper, or "", and parts of its file's name.
            caption: for a reader.
            narrow: the same for a narrow screen, or None.
            part: which of the figures of one number it is.
        """
        number, *rest = name
        parts = filter(None, ("figure", number, *map(tables.file_name, rest)))
        file_name = "_".join(parts)
        return {
            "caption": f"Figure {number}{part}. {caption}" if number else caption,
            "source": self._picture(figure, file_name),
            "narrow": narrow and self._picture(narrow, f"{file_name}_narrow", ("svg",)),
        }

    def _picture(self, figure, file_name, suffixes=("png", "svg")):
        """Writes a figure; its picture as a data URI."""
        directory = self.output_dir / "figures"
        path = figures.save(figure, directory, file_name, suffixes)
        return inline_svg.data_uri(path.read_text(encoding="utf-8"))

    def text(self, name, text):
        """Writes a file of text; its path."""
        self.output_dir.mkdir(parents=True, exist_ok=True)
        path = self.output_dir / name
        with files.replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return path
