"""The paper's tables and figures of each data set, and what else its runs say."""

from __future__ import annotations

from collaborative.experiments import reference
from collaborative.report import (
    differences,
    figures,
    page_tables,
    quality,
    tables,
)


def parts(context):
    """Tables and figures of each data set with runs in the paper's setting."""
    runs = context.runs[context.runs["setting"] == ""]
    names = sorted(runs["dataset"].unique(), key=reference.dataset_place)
    return {
        "sections": [_section(context, runs, name) for name in names],
    }


def _section(context, runs, dataset):
    """What is shown of a data set; the paper's part stands without the other."""
    what = f"tables beyond the paper of {dataset}"
    beyond = context.optional(what, _beyond_the_paper, context, runs, dataset)
    nothing = {"beyond_tables": [], "main_figures": [], "beyond_figures": []}
    return _of_the_paper(context, runs, dataset) | (beyond or nothing)


def _of_the_paper(context, runs, dataset):
    """The tables and figures of a data set, written and for the page."""
    results = [
        context.table(tables.results_table(runs, context.paper, dataset, quantity))
        for quantity in ("error", "cost")
    ]
    drawn = [
        _methods_figure(context, runs, dataset, model, quantity)
        for model in ("ST", "M")
        for quantity in ("error", "cost")
    ]
    drawn.append(_close_figure(context, runs, dataset))
    title = reference.dataset_label(dataset)
    return {
        "id": tables.file_name(f"results-{dataset}"),
        "title": title,
        "links": page_tables.links(runs, dataset),
        "tables": results,
        "figures": [figure for figure in drawn if figure],
    }


def _methods_figure(context, runs, dataset, model, quantity):
    """The last epochs of all methods."""
    number = reference.figure_number(dataset, "A", 1, model == "M")
    arguments = runs, dataset, model, quantity
    return context.figure(
        figures.methods_figure(*arguments),
        (number, dataset, model, quantity),
        f"{model}, test {quantity} of the last ten epochs: collaborative in colour, "
        "traditional in greys",
        narrow=figures.methods_figure(*arguments, narrow=True),
        part=f", {quantity}",
    )


def _close_figure(context, runs, dataset):
    """The method that the paper chose, where it ran."""
    drawn = figures.close_figure(runs, dataset)
    if drawn is None:
        return None
    return context.figure(
        drawn,
        (reference.figure_number(dataset, "B"), dataset, "L2_0.01"),
        "L2 0.01 against the traditional ensemble; training statistics are running "
        "means, as the paper's",
        narrow=figures.close_figure(runs, dataset, narrow=True),
    )


def _beyond_the_paper(context, runs, dataset):
    """Tables and figures of what else is known of a data set's runs and models."""
    records, paper = context.records, context.paper
    gains = differences.differences(runs, records, dataset, paper)
    found = [differences.table(gains, dataset)] if len(gains) else []
    found += quality.quality_tables(runs, records, dataset)
    main = [_main_figure(context, gains, dataset)] if len(gains) else []
    drawn = (
        (
            quality.reliability_figure,
            "reliability",
            "How often models are right, by their confidence, in 15 bins; below, how "
            "many images are in each",
        ),
        (quality.confusion_figure, "confusion", "What is taken for what"),
    )
    figures_beyond = [
        context.figure(
            figure,
            ("", dataset, kind),
            caption,
            narrow=make(runs, records, dataset, narrow=True),
        )
        for make, kind, caption in drawn
        if (figure := make(runs, records, dataset)) is not None
    ]
    return {
        "beyond_tables": [context.table(table) for table in found],
        "main_figures": main,
        "beyond_figures": figures_beyond,
    }


def _main_figure(context, gains, dataset):
    """What each method gains over training apart."""
    has_theirs = context.paper is not None and reference.paper_dataset(dataset)
    compared = "; diamonds: the paper's" if has_theirs else ""
    return context.figure(
        differences.figure(gains),
        ("", dataset, "differences"),
        f"Collaboration against training apart. {differences.HOW_TO_READ}{compared}",
        narrow=differences.figure(gains, narrow=True),
    )
