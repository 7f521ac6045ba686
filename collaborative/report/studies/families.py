"""The arms of a study against their controls (docs/statistics.md, "Studies").

Of each model the arms and seeds are a two-way layout: what seeds leave open is
estimated from all arms together, and the arms with one control are a family.
"""

from __future__ import annotations

import itertools

from collaborative.experiments.config import network_of
from collaborative.report import comparison
from collaborative.report.image_answers import ImageAnswers


def by_control(study):
    """The arms of a study by the arm that they are compared with: dict of lists."""
    found = {}
    for arm, control in study.comparisons():
        found.setdefault(control, []).append(arm)
    return found


def differences(study, errors, names, records):
    """Each arm's difference from its control.

    Args:
        study: a `studies.Study`.
        errors, names: of its `findings.Finding`.
        records: what `records.load` gave.

    Returns:
        Dict from (arm, control, model) to a `layout.Difference`. Those of a model with
        one control hold together in 95 % of cases.
    """
    found = {}
    pairs = itertools.product(study.compared, by_control(study).items())
    for model, (control, arms) in pairs:
        values = errors[errors.index.get_level_values("model") == model]
        values = values.droplevel("model").unstack("seed")
        if control not in values.index:
            continue

        def answers(arm, seed, model=model):
            return _answers(records.get(names[arm][seed]), study, model)

        gaps = comparison.family(values, control, answers, arms)
        found |= {(arm, control, model): gap for arm, gap in gaps.items()}
    return found


def _answers(record, study, model):
    """What the networks answered that stand in a model's column: `ImageAnswers`."""
    return [
        ImageAnswers.recorded(record, name)
        for name in (record["answers"] if record else ())
        if study.counts_as.get(network_of(name), network_of(name)) == model
    ]
