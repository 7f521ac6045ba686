"""The studies beyond the paper that have runs."""

from __future__ import annotations

from collaborative.report import page_tables, tables
from collaborative.report.studies import findings, results


def parts(context):
    """The studies that have runs, their tables and figures written and for the page."""
    found = []
    what = "answers to the studies beyond the paper"
    for finding in context.optional(what, findings.findings, context.runs) or ():
        table = context.table(results.table(finding))
        choices = context.table(results.choices_table(finding))
        drawn = context.figure(
            results.figure(finding),
            ("", table.name),
            "Each mark is a seed, each bar a mean; green, pointing left: clearly fewer "
            "errors than the arm that it is compared with; red, pointing right: more",
            narrow=results.figure(finding, narrow=True),
        )
        found.append(
            {
                "name": table.name,
                "question": finding.study.question,
                "prediction": finding.study.prediction,
                "answer": results.answer(finding),
                "table": table,
                "links": {
                    results.arm_text(finding, arm): page_tables.run_anchor(run)
                    for arm, run in finding.first_runs.items()
                },
                "choices": choices,
                "figure": drawn,
                "missing": results.missing(finding),
            }
        )
    if found:
        context.text("studies.md", _markdown(found))
    return {"studies": found}


def _markdown(studies):
    """The studies as a page that shows the tables and figures beside it."""
    parts = ["# Beyond the paper: open questions and controls\n"]
    for part in studies:
        parts += [
            f"## {part['question']}\n",
            *[f"Predicted: {part['prediction']}\n"] * bool(part["prediction"]),
            f"{part['answer']}\n",
            tables.markdown(part["table"]),
            f"![{part['figure']['caption']}](figures/figure_{part['name']}.png)\n",
        ]
        if part["choices"]:
            parts.append(tables.markdown(part["choices"]))
        if part["missing"]:
            parts.append(f"{part['missing']}.\n")
    return "\n".join(parts)
