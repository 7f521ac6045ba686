"""The paper's observations, checked, with what the check rests on."""

from __future__ import annotations

from collaborative.experiments import reference
from collaborative.report import correlations, origins
from collaborative.report.claims import verdicts


def parts(context):
    """The claims with their verdicts at a glance, and how alike the grids rank."""
    checked = verdicts.check_all(context.runs, context.costs, context.records)
    theirs = ranking = None
    if context.paper is not None:
        theirs = verdicts.check_all(context.paper, context.costs)
        ranking = correlations.table(context.runs, context.paper)
    overview = context.table(verdicts.overview(checked, theirs))
    of_paper = context.runs[context.runs["setting"] == ""]
    made_on = origins.notes(of_paper)
    context.text("claims.md", verdicts.markdown(checked, overview, made_on))
    untold = [claim for claim in checked if not claim.tells]
    return {
        "claims": checked,
        "told": [claim for claim in checked if claim not in untold],
        "untold": untold,
        "overview": overview,
        "correlations": context.table(ranking),
        "made_on": made_on,
        "marks": verdicts.MARKS,
        "dataset_label": reference.dataset_label,
    }
