"""What a study's networks cost whoever uses them, beside their errors.

Errors and the time of training are from the runs; bytes and milliseconds are what
`export.py` has recorded of artifacts of theirs (`report.exports`). A network that was
distilled has its teacher's training in its time.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure

from collaborative.report import styles
from collaborative.report.exports import FORMAT
from collaborative.report.studies import findings, results
from collaborative.report.tables import Cell, Table
from collaborative.runs import run_table
from collaborative.system import drawing

PANELS = {"ms": "ms a picture, alone", "KiB": "KiB", "minutes": "minutes of training"}
CAPTION = (
    "Test error against what a network costs: milliseconds for one picture, size of "
    "the file, training; dots are means, bars reach from the best seed to the worst"
)
MARKERS = "o^svDP*X"


def points(finding, runs, exports):
    """What each network that could be used costs.

    Args:
        finding: a `findings.Finding`.
        runs: rows of `run_table.load_runs`.
        exports: what `exports.load` gave.

    Returns:
        A DataFrame by network and seed of `error` in %, `ms`, `KiB` and `minutes`; NaN
        where nothing was exported. Of the seeds that all networks have, where they have
        one in common. Empty for a study that deploys nothing, of one network alone, or
        where no cost is known.
    """
    first = runs.drop_duplicates("run")
    own_seconds = first.set_index("run")["seconds"]
    seconds = {findings.key(row): row["seconds"] for row in first.to_dict("records")}
    errors, rows = _errors(finding), []
    for name, (arm, model) in finding.study.deployed.items():
        members = [n for n, as_ in finding.study.counts_as.items() if as_ == model]
        own = exports[exports["member"].isin([model, *members])]
        own = own[own["run"].isin(finding.names.get(arm, {}).values())]
        plain = own[own["quantize"].isna()][["ms", "bytes"]].mean()
        for seed, error in errors[name].items():
            run = finding.names[arm][seed]
            time = own_seconds[run] + _teacher_seconds(finding, arm, seed, seconds)
            rows.append((name, seed, error, plain["ms"], plain["bytes"], time))
            for low in own[(own["run"] == run) & own["quantize"].notna()].itertuples():
                title = f"{name}, {low.quantize}"
                rows.append((title, seed, low.error, low.ms, low.bytes, time))
    columns = ["network", "seed", "error", "ms", "KiB", "minutes"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(KiB=table["KiB"] / 1024, minutes=table["minutes"] / 60)
    is_known = table[list(PANELS)].notna().any(axis=None)
    return table if is_known and table["network"].nunique() > 1 else table.iloc[:0]


def _errors(finding):
    """Test errors in % of each network by seed, of the seeds that all have, if any."""
    errors = {
        name: finding.values(*deployed)
        for name, deployed in finding.study.deployed.items()
    }
    there = [set(own.index) for own in errors.values() if len(own)]
    common = set.intersection(*there) if there else set()
    if not common:
        return errors
    return {name: own[own.index.isin(common)] for name, own in errors.items()}


def _teacher_seconds(finding, arm, seed, seconds):
    """How long the teacher of an arm was trained; 0 without one, NaN where it is gone.

    Args:
        seconds: of the runs there are, by their settings, see `findings.key`.
    """
    candidates = finding.study.configs([seed], **finding.base)[arm]
    (config,) = candidates[finding.chosen(arm)]
    if config.teacher_config is None:
        return 0.0
    columns = run_table.config_columns(config.teacher_config)
    return seconds.get(findings.key(columns), float("nan"))


def _cost_text(cost):
    """Three digits, or all of a whole number that has more; "-" where there is none."""
    if math.isnan(cost):
        return "-"
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"


def table(finding, deployed):
    """The networks with what they cost; None where there are none.

    Args:
        finding: of a study.
        deployed: what `points` gave.
    """
    if deployed.empty:
        return None
    rows = []
    for name, own in deployed.groupby("network", sort=False):
        costs = [own[column].mean() for column in PANELS]
        seeds = ", ".join(map(str, sorted(own["seed"])))
        texts = (name, results.mean_text(own["error"]), seeds, *map(_cost_text, costs))
        rows.append(tuple(map(Cell, texts)))
    return Table(
        name=f"{results.name_of(finding)}_costs",
        caption=f"Study “{finding.name}”, what networks cost: test error, means over "
        f"the seeds that are named, with 95 % intervals; time and size of artifacts "
        f"({FORMAT}) where they were exported; training with that of a teacher",
        header=("network", "test error %", "of seeds", *PANELS.values()),
        rows=rows,
        data=deployed,
    )


def missing(deployed):
    """The networks of which no artifact is there, as one line; "" where none lacks."""
    lacking = deployed.loc[deployed["ms"].isna(), "network"].unique()
    if not len(lacking):
        return ""
    named = ", ".join(f"“{name}”" for name in lacking)
    return f"No artifact is there of {named} (export.py --format {FORMAT})"


def figure(deployed, narrow=False):
    """Errors against each cost; None where there are no networks.

    Args:
        deployed: what `points` gave.
        narrow: whether the panels stand one below the other, for a narrow screen.
    """
    if deployed.empty:
        return None
    known = [column for column in PANELS if deployed[column].notna().any()]
    count = len(known)
    size = (styles.NARROW_WIDTH, 3 * count) if narrow else (styles.WIDTH, 4)
    drawn = Figure(figsize=size, dpi=110, layout="constrained")
    shape = (count, 1) if narrow else (1, count)
    panels = drawn.subplots(*shape, sharey=True, squeeze=False)
    for axes, column in zip(panels.flat, known, strict=True):
        for place, (name, own) in enumerate(deployed.groupby("network", sort=False)):
            _draw(axes, own[column].mean(), own["error"], name, place)
        axes.set_xscale("log")
        styles.by_factors(axes.xaxis)
        axes.set_title(PANELS[column], fontsize=9, **drawing.TITLE_AT_TOP)
        axes.set_ylabel("test error in %", fontsize=8)
        styles.ruled(axes)
        axes.label_outer()
    lines = panels.flat[-1].get_legend_handles_labels()  # of training, which all have
    columns = 2 if narrow else 6
    drawn.legend(*lines, loc="outside lower center", ncols=columns, fontsize=8)
    return drawn


def _draw(axes, cost, errors, name, place):
    """A network's mean error and its range over seeds."""
    mean = errors.mean()
    spread = [[mean - errors.min()], [errors.max() - mean]]
    style = {"color": f"C{place}", "marker": MARKERS[place % len(MARKERS)]}
    axes.errorbar(cost, mean, yerr=spread, linestyle="", ms=5, label=name, **style)
