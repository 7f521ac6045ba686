"""The report: a page with claims, tables, figures and curves, and the files beside it.

The page needs nothing else: pictures are inline, the script that draws the curves reads
a block of JSON, and nothing is loaded from a network. All text from files is escaped.
"""

from __future__ import annotations

import base64
import pathlib

import jinja2

from collaborative import datasets
from collaborative.data.preparation import DatasetError
from collaborative.experiments import reference
from collaborative.report import (
    charts,
    differences,
    figures,
    footprint,
    pictures,
    quality,
    tables,
)
from collaborative.report.claims import verdicts
from collaborative.report.studies import findings, results
from collaborative.runs import run_table
from collaborative.system import files

TEMPLATE = pathlib.Path(__file__).with_name("template.html")


def write(
    runs, output_dir, *, records=None, left_out=(), is_paper=False, places=None,
    latency=True, say=print,
):  # fmt: skip
    """Writes the report of some runs.

    Args:
        runs: rows of `run_table.load_runs`, or `run_table.paper_runs()`; not empty.
        output_dir: a directory that is there.
        records: of the trained models, see `quality.load`.
        left_out: lines on the files that were left out.
        is_paper: whether the runs are the author's own; nothing is compared then.
        places: `data_dir` and `manual_dir` of data sets, for sample images and the PCA;
            None does without.
        latency: whether to measure what inference costs.
        say: is called with a line for each data set that is not there.

    Returns:
        The path of index.html; tables/, figures/, claims.md, studies.md and runs.csv
        lie beside it.
    """
    costs = footprint.measure() if latency else None
    paper = None if is_paper else run_table.paper_runs()
    samples, absent = ([], []) if places is None else _samples(runs, output_dir, places)
    for line in absent:
        say(line)
    studies = _studies(runs, output_dir)
    correlations = None if is_paper else tables.correlations_table(runs, paper)
    page = _render(
        runs,
        is_paper=is_paper,
        correlations=_table(correlations, output_dir),
        costs=costs,
        sections=_sections(runs, records or {}, paper, output_dir),
        samples=samples,
        absent=absent,
        studies=studies,
        others=_table(tables.other_runs_table(runs), output_dir),
        left_out=left_out,
        **_claims(runs, costs, paper, output_dir),
    )
    if studies:
        _write_text(output_dir / "studies.md", _studies_markdown(studies))
    _write_text(output_dir / "runs.csv", runs.to_csv(index=False))
    return _write_text(output_dir / "index.html", page)


def _render(runs, is_paper, **parts):
    """The page, from the runs and what was made of them."""
    # Autoescape: names of data sets, commands and versions come from files.
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    first = runs.drop_duplicates("run").sort_values(["dataset", "run"])
    return template.render(
        is_paper=is_paper,
        runs=first.to_dict("records"),
        missing=run_table.missing_experiments(runs),
        charts=charts.chart_data(runs),
        marks=verdicts.MARKS,
        label=reference.label,
        dataset_label=reference.dataset_label,
        **parts,
    )


def _table(table, output_dir):
    """Writes a table, if there is one, and gives it for the page."""
    if table is not None:
        tables.write(table, output_dir / "tables")
    return table


def _write_text(path, text):
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _claims(runs, costs, paper, output_dir):
    """The claims with their verdicts at a glance, written and for the page."""
    checked = verdicts.check_all(runs, costs)
    theirs = None if paper is None else verdicts.check_all(paper, costs)
    overview = _table(verdicts.overview(checked, theirs), output_dir)
    _write_text(output_dir / "claims.md", verdicts.markdown(checked, overview))
    return {"claims": checked, "overview": overview}


def _sections(runs, records, paper, output_dir):
    """The parts of the page on each data set with runs in the paper's setting."""
    runs = runs[runs["setting"] == ""]
    names = sorted(runs["dataset"].unique(), key=reference.dataset_place)
    return [
        _section(runs, paper, name, output_dir)
        | _beyond_the_paper(runs, records, paper, name, output_dir)
        for name in names
    ]


def _section(runs, paper, dataset, output_dir):
    """The tables and figures of a data set, written and for the page."""
    results = [
        _table(tables.results_table(runs, paper, dataset, quantity), output_dir)
        for quantity in ("error", "cost")
    ]
    drawn = []
    for model in ("ST", "M"):
        for quantity in ("error", "cost"):
            number = reference.figure_number(dataset, "A", 1, model == "M")
            drawn.append(
                _figure(
                    figures.methods_figure(runs, dataset, model, quantity),
                    output_dir,
                    (number, dataset, model, quantity),
                    f"{model}, test {quantity} of the last ten epochs: collaborative "
                    "in colour, traditional in greys",
                )
            )
    drawn.append(
        _figure(
            figures.close_figure(runs, dataset),
            output_dir,
            (reference.figure_number(dataset, "B"), dataset, "L2_0.01"),
            "L2 0.01 against the traditional ensemble; training statistics are running "
            "means, as the paper's",
        )
    )
    title = reference.dataset_label(dataset)
    return {"title": title, "tables": results, "figures": drawn}


def _beyond_the_paper(runs, records, paper, dataset, output_dir):
    """Tables and figures of what else is known of a data set's runs and models."""
    gains = differences.differences(runs, records, dataset, paper)
    found = [differences.table(gains, dataset)] if len(gains) else []
    found += quality.quality_tables(runs, records, dataset)
    drawn = [
        (
            differences.figure(gains) if len(gains) else None,
            "differences",
            "Collaboration against training apart, with 95 % intervals (of one seed: "
            "over its test images). Green: clearly fewer errors, red: clearly more"
            + ("" if paper is None else "; diamonds: the paper's"),
        ),
        (
            quality.reliability_figure(runs, records, dataset),
            "reliability",
            "How often models are right, by their confidence, in 15 bins",
        ),
        (
            quality.confusion_figure(runs, records, dataset),
            "confusion",
            "What is taken for what",
        ),
    ]
    return {
        "beyond_tables": [_table(table, output_dir) for table in found],
        "beyond_figures": [
            _figure(figure, output_dir, ("", dataset, kind), caption)
            for figure, kind, caption in drawn
            if figure is not None
        ],
    }


def _studies(runs, output_dir):
    """The studies that have runs, their tables and figures written and for the page."""
    parts = []
    for finding in findings.findings(runs):
        table = _table(results.table(finding), output_dir)
        choices = _table(results.choices_table(finding), output_dir)
        drawn = _figure(
            results.figure(finding),
            output_dir,
            ("", table.name),
            "Each dot is a seed, each bar a mean; green: clearly fewer errors than the "
            "arm that it is compared with, red: clearly more",
        )
        parts.append(
            {
                "name": table.name,
                "question": finding.study.question,
                "answer": results.answer(finding),
                "table": table,
                "choices": choices,
                "figure": drawn,
                "missing": finding.missing,
            }
        )
    return parts


def _studies_markdown(studies):
    """The studies as a page that shows the tables and figures beside it."""
    parts = ["# Beyond the paper: open questions and controls\n"]
    for part in studies:
        parts += [
            f"## {part['question']}\n",
            f"{part['answer']}\n",
            tables.markdown(part["table"]),
            f"![{part['figure']['caption']}](figures/figure_{part['name']}.png)\n",
        ]
        if part["choices"]:
            parts.append(tables.markdown(part["choices"]))
        if part["missing"]:
            parts.append(f"Missing: {part['missing']} experiments.\n")
    return "\n".join(parts)


def _figure(figure, output_dir, name, caption):
    """Writes a figure, and gives its caption and its picture as a data URI."""
    number, *rest = name
    parts = filter(None, ("figure", number, *map(tables.file_name, rest)))
    path = figures.save(figure, output_dir / "figures", "_".join(parts))
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {
        "caption": f"Figure {number}. {caption}" if number else caption,
        "source": f"data:image/svg+xml;base64,{data}",
    }


def _samples(runs, output_dir, places):
    """Figures 3.1 to 3.4, and a line for each data set that is not there."""
    drawn, absent = [], []
    # Other sets of tfds are not looked up: an unknown name would ask the network.
    known = [n for n in datasets.DATASETS if n in set(runs["dataset"])]
    names = sorted({*reference.PAPER_DATASETS, *known}, key=reference.dataset_place)
    while names:
        name = names.pop(0)
        try:
            found = pictures.first_images(name, pictures.PCA_IMAGES, **places)
        except DatasetError as error:
            absent.append(f"no sample images of {name}: {error}")
            substitutes = reference.substitutes(name)
            names = [n for n in substitutes if n not in names] + names
            continue
        drawn += _sample_figures(name, *found, output_dir)
    return drawn, absent


def _sample_figures(name, images, labels, class_names, output_dir):
    """A data set's sample images and, of MNIST, the PCA."""
    title = reference.dataset_label(name)
    number = reference.figure_number(reference.paper_dataset(name) or name, "3")
    sample = pictures.samples_figure(images, labels, class_names)
    key = (number, name, "samples")
    drawn = [_figure(sample, output_dir, key, f"{title}: sample images")]
    if name == "mnist":
        caption = (
            "Similar MNIST images with distinct classifications, on their two "
            "principal components; blue pixels weigh positively, red negatively"
        )
        pca = pictures.pca_figure(images, labels)
        drawn.append(_figure(pca, output_dir, ("3.4", name, "pca"), caption))
    return drawn
