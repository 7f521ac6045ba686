"""The studies beyond the paper that have runs."""

from __future__ import annotations

from collaborative.report import page_tables, tables
from collaborative.report.studies import (
    caveats,
    findings,
    overview,
    results,
    scales,
    trade_offs,
)

MARKS = (
    "Each mark is a seed, each bar a mean; green, pointing left: clearly fewer "
    "errors than the arm that it is compared with; red, pointing right: more"
)


def parts(context):
    """The studies that have runs, their tables and figures written and for the page."""
    what = "answers to the studies beyond the paper"
    found = context.optional(what, findings.findings, context.runs, context.records)
    studies = [_part(context, finding) for finding in found or ()]
    if studies:
        at_a_glance = context.table(overview.table(found))
        plans = caveats.of_plans(context.runs)
        context.text("studies.md", _markdown(at_a_glance, plans, studies))
    return {"studies": studies, "plans": plans if studies else []}


def _part(context, finding):
    """What is shown of a study."""
    table = context.table(results.table(finding))
    on_scale = scales.measured(finding, context.runs, context.records)
    return {
        "name": table.name,
        "question": finding.study.question,
        "prediction": _prediction(finding.study),
        "answer": results.answer(finding),
        "table": table,
        "links": {
            results.arm_text(finding, arm): page_tables.run_anchor(run)
            for arm, run in finding.first_names.items()
        },
        "choices": context.table(results.choices_table(finding)),
        "apart": context.table(scales.table(finding, on_scale)),
        "figure": _figure(context, finding, on_scale, table.name),
        "deployed": _deployed(context, finding),
        "missing": caveats.missing(finding),
        "made_apart": caveats.made_apart(finding, context.runs),
    }


def _prediction(study):
    """What was expected, and of which data set; "" where nothing was written down."""
    of = study.base["dataset"]
    return study.prediction and f"Predicted for {of}: {study.prediction}"


def _figure(context, finding, on_scale, name):
    """The arms one below the other, or where they lie on a scale lines over it."""
    if on_scale is None:
        drawn, caption = (results.figure(finding, n) for n in (False, True)), MARKS
    else:
        drawn = (scales.figure(finding, on_scale, n) for n in (False, True))
        caption = scales.CAPTION
    wide, narrow = drawn
    return context.figure(wide, ("", name), caption, narrow=narrow)


def _deployed(context, finding):
    """What the networks of a study cost whoever uses them; None where none is meant."""
    points = trade_offs.points(finding, context.runs, context.exports)
    table = context.table(trade_offs.table(finding, points))
    if table is None:
        return None
    figure = context.figure(
        trade_offs.figure(points),
        ("", table.name),
        trade_offs.CAPTION,
        narrow=trade_offs.figure(points, narrow=True),
    )
    missing = trade_offs.missing(points)
    return {"table": table, "figure": figure, "missing": missing}


def _markdown(at_a_glance, plans, studies):
    """The studies as a page that shows the tables and figures beside it."""
    parts = ["# Beyond the paper: open questions and controls\n"]
    parts += [tables.markdown(at_a_glance), *(f"{line}.\n" for line in plans)]
    for part in studies:
        parts += [
            f"## {part['question']}\n",
            *[f"{part['prediction']}\n"] * bool(part["prediction"]),
            f"{part['answer']}\n",
            tables.markdown(part["table"]),
            f"![{part['figure']['caption']}](figures/figure_{part['name']}.png)\n",
        ]
        further = (part["apart"], part["choices"])
        parts += [tables.markdown(table) for table in further if table]
        if deployed := part["deployed"]:
            name = deployed["table"].name
            parts += [
                f"![{deployed['figure']['caption']}](figures/figure_{name}.png)\n",
                tables.markdown(deployed["table"]),
                *[f"{deployed['missing']}.\n"] * bool(deployed["missing"]),
            ]
        parts += [f"{part[k]}.\n" for k in ("missing", "made_apart") if part[k]]
    return "\n".join(parts)
