"""The report: a page with claims, tables, figures and curves, and the files beside it.

The page is a list of sections. Each is a module of `sections`, whose `parts` makes what
it shows, and a template of the same name, which lays it out. It needs nothing else:
pictures are inline, the script that draws the curves reads a block of JSON, and nothing
is loaded from a network. All text from files is escaped.
"""

from __future__ import annotations

import pathlib

import jinja2

from collaborative.report import exports as run_exports
from collaborative.report import inference_cost, page_tables
from collaborative.report.context import Context
from collaborative.report.sections import (
    claims,
    curves,
    further,
    networks,
    results,
    runs,
    samples,
    studies,
)
from collaborative.runs import author_runs
from collaborative.system.errors import PlaceTaken

# Templates, and the library that draws the curves with its licence.
FOLDERS = [pathlib.Path(__file__).with_name(n) for n in ("templates", "vendor")]
INDEX, TITLE = "index.html", "A collaborative approach to deep learning"
LONGEST_TABLE = 30  # rows; longer ones are folded: the errors of very many classes
# In the order of the page: one's own results first.
SECTIONS = (runs, results, curves, studies, claims, networks, samples, further)


def check_place(output_dir):
    """Raises PlaceTaken where a page of somebody else's would be lost."""
    path = output_dir / INDEX
    if path.is_file():
        with path.open("rb") as file:
            begin = file.read(2000)
        is_ours = not begin or TITLE.encode() in begin
    else:
        is_ours = not path.exists()
    if not is_ours:
        raise PlaceTaken(f"{path} is no report")


def write(
    rows, output_dir, *, records=None, left_out=(), is_paper=False, places=None,
    latency=True, exports=None, say=print,
):  # fmt: skip
    """Writes the report of some runs.

    Args:
        rows: of `run_table.load_runs`, or `author_runs.load()`; not empty.
        output_dir: a directory that is there.
        records: of the trained models, see `records.load`.
        left_out: lines on the files that were left out.
        is_paper: whether the runs are the author's own; nothing is compared then.
        places: `data_dir` and `manual_dir` of data sets, for sample images and the PCA;
            None does without.
        latency: whether to measure what inference costs.
        exports: what `exports.load` gave, or None: nothing was exported.
        say: is called with a line for each part that there is none of.

    Returns:
        The path of index.html; tables/, figures/, claims.md, studies.md, runs.csv and
        runs_origins.csv lie beside it.
    """
    context = Context(
        runs=rows,
        output_dir=output_dir,
        records=records or {},
        paper=None if is_paper else author_runs.load(),
        places=places,
        costs=inference_cost.measure() if latency else None,
        exports=run_exports.none() if exports is None else exports,
        left_out=tuple(left_out),
        say=say,
    )
    parts = {"is_paper": is_paper, "names": [_name(section) for section in SECTIONS]}
    for section in SECTIONS:
        parts |= section.parts(context)
    return context.text(INDEX, _render(parts))


def _name(section):
    """Of a section's template."""
    return section.__name__.rpartition(".")[2]


def _render(parts):
    """The page, from what the sections made."""
    page = environment().get_template("page.html").render(parts)
    return page.removesuffix("\n")


def environment():
    """What templates are rendered in."""
    # Autoescape: names of data sets, commands and versions come from files.
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDERS), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["laid_out"] = page_tables.laid_out
    made.globals |= {"longest_table": LONGEST_TABLE, "title": TITLE}
    return made
