"""A study whose arms lie on a scale: errors over it, and how far members are apart.

The ambiguity of an ensemble of averaged logits is the mean of its members' costs less
its own (`costs.ambiguity`): the label's logit, which a cost subtracts, is in both and
cancels. So the costs that a run has recorded give it, on training and on test images.
What training images have more of it is diversity that does not generalise: the members
collude (Jeffares et al. 2023).

The two are not measured quite alike: a run records the training costs of its last
epoch while the weights still change, with the moments of each batch, and the test costs
at its end. `Single` has the same, so that differences from it are fair.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from collaborative.experiments.config import network_of
from collaborative.report import layout, styles
from collaborative.report.studies import families, results
from collaborative.report.tables import Cell, Table
from collaborative.runs import run_table
from collaborative.system import drawing

# Columns beside the ECE of each model, with their decimals.
COLUMNS = {
    "ambiguity_train": ("ambiguity, training", 3),
    "ambiguity_test": ("test", 3),
    "gap": ("gap", 3),
    "disagreement": ("members disagree %", 2),
}
CAPTION = (
    "Test errors, and below them the ambiguity, by which the members' mean cost "
    "exceeds the ensemble's; each mark is a seed, lines are means over those that all "
    "places have"
)


def measured(finding, runs, records):
    """What the runs of a study say of members and ensemble beside their errors.

    Args:
        finding: a `findings.Finding`.
        runs: rows of `run_table.load_runs`.
        records: of the trained models, see `records.load`.

    Returns:
        A DataFrame by arm and seed: `ambiguity_train`, `ambiguity_test` and `gap`, the
        first less the second, in nats; `disagreement` and `ece_<model>` in %, of
        several members of a preset their mean; NaN where nothing is recorded. None for
        a study without a scale.
    """
    if finding.study.scale is None:
        return None
    final = run_table.final_epochs(runs).set_index(["run", "model"])
    rows = [
        {"arm": arm, "seed": seed}
        | _ambiguities(final.loc[name])
        | _recorded(records.get(name), finding.models)
        for arm, by_seed in finding.names.items()
        for seed, name in by_seed.items()
    ]
    return pd.DataFrame(rows).set_index(["arm", "seed"]).sort_index()


def _ambiguities(final):
    """Of the final costs of a run, by model."""
    costs = final[["train_cost", "test_cost"]]
    train, test = costs.drop("ensemble").mean() - costs.loc["ensemble"]
    return {"ambiguity_train": train, "ambiguity_test": test, "gap": train - test}


def _recorded(record, models):
    """Disagreement and calibration as a run has recorded them, in %."""
    found = dict.fromkeys(["disagreement", *(f"ece_{m}" for m in models)], np.nan)
    if record is None:
        return found
    found["disagreement"] = 100 * record["disagreement"]
    for model in models:
        own = [
            scores["ece"]
            for name, scores in record["models"].items()
            if network_of(name) == model
        ]
        if own:
            found[f"ece_{model}"] = 100 * np.mean(own)
    return found


def table(finding, on_scale):
    """How far the members of each arm are apart, and how calibrated all are.

    Args:
        finding: of a study.
        on_scale: what `measured` gave.

    Returns:
        A `tables.Table`: means over seeds with 95 % intervals, and the gap's difference
        from the control; None for a study without a scale.
    """
    if on_scale is None:
        return None
    columns = COLUMNS | {
        f"ece_{model}": (f"ECE % {styles.NAMES.get(model, model)}", 2)
        for model in finding.models
    }
    gaps, changes = on_scale["gap"].unstack("seed"), {}
    for control, arms in families.by_control(finding.study).items():
        if control in gaps.index:
            changes |= layout.against(gaps, control, arms)
    rows = []
    for arm in filter(finding.names.get, finding.study.arms):
        own = on_scale.loc[arm]
        texts = [results.mean_text(own[n].dropna(), d) for n, (_, d) in columns.items()]
        change = results.difference_text(changes.get(arm), COLUMNS["gap"][1])
        at = list(columns).index("gap") + 1
        rows.append(tuple(map(Cell, (arm, *texts[:at], change, *texts[at:]))))
    titles = [title for title, _ in columns.values()]
    return Table(
        name=f"{results.name_of(finding)}_apart",
        caption=f"Study “{finding.name}”, how far members are apart: the ambiguity, by "
        "which their mean cost exceeds the ensemble's, of training images in the last "
        "epoch, while weights change, and of test images at its end; its gap, and the "
        "gap's difference from the control, of which those with one control hold "
        "together; means over seeds with 95 % intervals",
        header=("arm", *titles[:at], "difference", *titles[at:]),
        rows=rows,
        data=on_scale.reset_index(),
    )


def figure(finding, on_scale, narrow=False):
    """Errors over the scale, and below them the ambiguity; a column for each line.

    Args:
        finding: of a study.
        on_scale: what `measured` gave.
        narrow: whether the columns stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure.
    """
    scale = finding.study.scale
    placed = [(*scale.places[arm], arm) for arm in on_scale.index.unique("arm")]
    lines = {
        line: dict(sorted((place, arm) for _, place, arm in group))
        for line, group in itertools.groupby(sorted(placed), lambda one: one[0])
    }
    size = (styles.NARROW_WIDTH, 5.6 * len(lines)) if narrow else (styles.WIDTH, 5.6)
    drawn = Figure(figsize=size, dpi=110, layout="constrained")
    shape = (len(lines), 1) if narrow else (1, len(lines))
    parts = np.ravel(drawn.subfigures(*shape, squeeze=False))
    smallest = min(abs(place) for _, place, _ in placed if place)
    for part, (line, arms) in zip(parts, lines.items(), strict=True):
        errors, ambiguity = part.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_errors(errors, finding, arms)
        _draw_ambiguity(ambiguity, on_scale, arms)
        errors.set_title(line, fontsize=9, **drawing.TITLE_AT_TOP)
        ambiguity.set_xscale("symlog", linthresh=smallest)
        ambiguity.autoscale(axis="x")  # its margins are of this scale
        ambiguity.set_xticks(list(arms), [f"{place:g}" for place in arms])
        ambiguity.set_xlabel(scale.name)
    return drawn


def _draw_errors(axes, finding, arms):
    """The errors of each model; the worst may be ten times the best."""
    for model in finding.models:
        values = {place: finding.values(arm, model) for place, arm in arms.items()}
        name = styles.NAMES.get(model, model)
        _line(axes, values, styles.CLOSE_STYLES.get(model, styles.OTHER_STYLE), name)
    _finish(axes, "test error in %")


def _draw_ambiguity(axes, on_scale, arms):
    """The ambiguity on training and on test images."""
    for name, style in zip(("train", "test"), styles.GREYS.values(), strict=False):
        column = on_scale[f"ambiguity_{name}"]
        _line(axes, {p: column.loc[arm] for p, arm in arms.items()}, style, name)
    _finish(axes, "ambiguity in nats")


def _line(axes, values, style, label):
    """The mean by place as a line, and each seed as a mark.

    Means are over the seeds that all places have, where there are such: others would
    move some places alone.
    """
    values = {place: found for place, found in values.items() if len(found)}
    if not values:
        return
    colour, dashes, marker = style
    common = set.intersection(*(set(found.index) for found in values.values()))
    means = [
        found[found.index.isin(common) | (not common)].mean()
        for found in values.values()
    ]
    axes.plot(list(values), means, color=colour, linestyle=dashes, label=label)
    for place, found in values.items():
        axes.plot([place] * len(found), found, marker, color=colour, markersize=4)


def _finish(axes, title):
    """Names a panel; by decades, but where a number is 0."""
    if all((line.get_ydata() > 0).all() for line in axes.lines):
        axes.set_yscale("log")
        styles.by_factors(axes.yaxis)
    axes.set_ylabel(title, fontsize=8)
    styles.ruled(axes)
    axes.legend(fontsize=8)
