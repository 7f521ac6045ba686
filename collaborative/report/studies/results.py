"""What the studies of the open questions found, to be read: table, figure and answer.

The answer is made by rule from the numbers, so that it says what they say, whatever
that is.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from collaborative.experiments.config import ExperimentConfig
from collaborative.report import comparison, styles
from collaborative.report.studies import findings
from collaborative.report.tables import Cell, Table, file_name
from collaborative.runs import run_table
from collaborative.system import drawing
from collaborative.system.words import counted

LISTED = 4  # differences that an answer names


def table(finding):
    """The errors of a study's arms, and their differences from the controls.

    Returns:
        A `tables.Table`: a mean over seeds with its 95 % interval, and the difference
        with interval, p and number of seeds.
    """
    controls = dict(finding.study.comparisons())
    rows, data = [], []
    for arm in finding.study.arms:
        cells = [Cell(arm_text(finding, arm))]
        for model in finding.models:
            values = finding.values(arm, model)
            difference = finding.difference(arm, model)
            cells += [Cell(mean_text(values)), Cell(difference_text(difference))]
            if len(values):
                data.append(_numbers(arm, model, values, controls.get(arm), difference))
        if any(cell.text != "-" for cell in cells[1:]):
            rows.append((*cells, Cell(controls.get(arm, ""))))
    shown = [styles.NAMES.get(model, model) for model in finding.models]
    header = ["arm", *(text for name in shown for text in (f"{name} %", "difference"))]
    return Table(
        name=name_of(finding),
        caption=f"Study “{finding.name}”: {_conditions(finding)}",
        header=(*header, "from"),
        rows=rows,
        data=pd.DataFrame(data),
    )


def choices_table(finding):
    """What was tried in the arms with a choice, and chosen; None where there are none.

    Returns:
        A `tables.Table`: each candidate's validation error, the chosen one in bold; of
        labels that are wrong on purpose also the validation error with such labels, the
        least in bold, and the test error, so that what either chooses can be compared.
    """
    clean, noisy = run_table.CHOSEN_BY, run_table.CHOSEN_BY_NOISY
    titles, whose = {clean: "validation error %"}, ""
    if any(errors[noisy].notna().any() for errors in finding.choices.values()):
        titles |= {noisy: "with wrong labels", "test_error": "test error %"}
        whose = " with right labels"
    rows, data = [], []
    for arm, errors in finding.choices.items():
        least = {name: findings.best(errors, name) for name in (clean, noisy)}
        for candidate, numbers in errors.iterrows():
            chosen = candidate == least[clean]
            shown = [
                Cell(f"{numbers[name]:.2f}", candidate == least.get(name))
                for name in titles
            ]
            rows.append((Cell(arm, chosen), Cell(candidate, chosen), *shown))
            data.append(
                {"arm": arm, "settings": candidate}
                | {name: numbers[name] for name in titles}
                | {"chosen": chosen}
            )
    if not rows:
        return None
    return Table(
        name=f"{name_of(finding)}_choices",
        caption=f"Study “{finding.name}”: settings chosen by the error on "
        f"{finding.base['validation']:,} validation images{whose}, the mean over "
        "models and seeds",
        header=("arm", "settings", *titles.values()),
        rows=rows,
        data=pd.DataFrame(data),
    )


def arm_text(finding, arm):
    """An arm as it heads its row."""
    chosen = finding.chosen(arm)
    return f"{arm} ({chosen})" if chosen else arm


def mean_text(values, digits=2):
    """The mean of a number over seeds with its interval; "-" where there is none."""
    if not len(values):
        return "-"
    width = comparison.half_width(values)
    text = f"{values.mean():z.{digits}f}"
    return f"{text} ± {width:.{digits}f}" if width == width else text


def difference_text(difference, digits=2):
    """A `Difference` for a reader; "-" where there is none."""
    return "-" if difference is None else difference.text(digits)


def _numbers(arm, model, values, control, difference):
    row = {
        "arm": arm,
        "model": model,
        "error": values.mean(),
        "half_width": comparison.half_width(values),
        "seeds": len(values),
    }
    if difference is not None:
        row |= {
            "control": control,
            "difference": difference.mean,
            "difference_half_width": difference.half_width,
            "p": difference.p_value,
        }
    return row


def run_on(finding):
    """The data, how much of it, the epochs and the seeds of a study, in words."""
    base = finding.base
    trained = base["truncate"] - base["validation"]
    images = f"{trained:,} images" if base["truncate"] else "all images"
    if base["validation"] and not base["truncate"]:
        images += f" but {base['validation']:,} to choose on"
    fewest, most = _seeds(finding)
    seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    return f"{base['dataset']}, {images}, {counted(base['epochs'], 'epoch')}, {seeds}"


def _seeds(finding):
    """The fewest and the most seeds of an arm."""
    of_arms = [len(by_seed) for by_seed in finding.names.values()]
    return min(of_arms), max(of_arms)


def _conditions(finding):
    fewest, most = _seeds(finding)
    measured = "95 % intervals of differences, which hold together for a model's arms "
    measured += "with one control; without p those that the test images make as wide"
    measured += ", and of one seed those of its test images" * (fewest == 1)
    if most == 1:
        measured = "± of a difference is what the test images leave open, not other "
        measured += "seeds"
    return f"{run_on(finding)}; test error; {measured}"


def name_of(finding):
    """A name for files: the study, and the settings where they are not its own."""
    own = finding.study.base
    usual = ExperimentConfig(**own)
    changes = ExperimentConfig(**own | finding.base).changes(usual)
    other = [f"{name}_{value}" for name, value in changes.items()]
    return file_name("_".join(["study", finding.name, *other]))


def answer(finding):
    """What the numbers say, in two sentences."""
    clear, open_ones = compared(finding)
    if not clear and not open_ones:
        return "With one seed nothing can be told. Run more of them."
    named = [_in_words(*key, d) for key, d in clear[:LISTED]]
    if len(clear) > LISTED:
        named.append(f"further clear differences: {len(clear) - LISTED}")
    first = "; ".join(named) if named else "No arm differs clearly from its control"
    second = f"Clear: {len(clear)} of {len(clear + open_ones)} comparisons"
    if open_ones:
        largest = abs(open_ones[0][1].mean)
        second += f"; the others, of at most {largest:.2f} points, the seeds leave open"
    return f"{first[0].upper()}{first[1:]}. {second}."


def compared(finding):
    """The differences of which several seeds tell something, of equal networks one.

    Returns:
        (The clear ones, the open ones), each a list of (key, `layout.Difference`), the
        largest first; of the clear ones those with fewer errors before the others.
    """
    once = {}
    for key, difference in finding.differences.items():
        if difference.seeds > 1:
            once.setdefault((*key[1:], difference), (key, difference))
    # Rounded, so that equal ones stay in the order of the study.
    pairs = sorted(once.values(), key=lambda pair: -round(abs(pair[1].mean), 9))
    better, worse, open_ones = (
        [pair for pair in pairs if _clear(pair[1]) is below]
        for below in (True, False, None)
    )
    return better + worse, open_ones


def _in_words(arm, control, model, difference):
    word = "fewer" if difference.below else "more"
    name = "the ensemble" if model == "ensemble" else model
    return (
        f"{name} makes {abs(difference.mean):.2f} ± {difference.half_width:.2f} points "
        f"{word} errors with “{arm}” than with “{control}”"
    )


def figure(finding, narrow=False):
    """A panel for each model: the error of each arm, seeds as dots, means as bars.

    Args:
        finding: of a study.
        narrow: whether the panels stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure. An arm whose difference from its control is clear is drawn
        in green, pointing left, where it errs less, in red, pointing right, where more.
    """
    arms = [a for a in finding.study.arms if a in finding.errors.index.levels[0]]
    count = len(finding.models)
    rows, columns = (count, 1) if narrow else (1, count)
    width = styles.NARROW_WIDTH if narrow else styles.WIDTH
    height = rows * (0.9 + (0.24 if narrow else 0.34) * len(arms)) + 0.4
    drawn = Figure(figsize=(width, height), dpi=110, layout="constrained")
    panels = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, model in zip(panels.flat, finding.models, strict=True):
        for place, arm in enumerate(arms):
            _draw(
                axes, place, finding.values(arm, model), finding.difference(arm, model)
            )
        axes.set_title(
            styles.NAMES.get(model, model), fontsize=9, **drawing.TITLE_AT_TOP
        )
        axes.set_xlabel("test error in %", fontsize=8)
        styles.ruled(axes, "x")
        axes.label_outer()
    panels[0, 0].set_yticks(range(len(arms)), arms)
    panels[0, 0].invert_yaxis()
    return drawn


def _draw(axes, place, values, difference):
    """The seeds of an arm and their mean."""
    clear = _clear(difference)
    colour, marker = styles.CLEAR[clear], styles.CLEAR_MARKERS[clear]
    axes.plot(values, np.full(len(values), place), marker, color=colour, ms=4)
    if len(values):
        axes.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=colour)


def _clear(difference):
    """Whether it is clearly fewer errors (True) or more (False), None where open."""
    if difference is None or difference.seeds < 2 or math.isnan(difference.half_width):
        return None
    return difference.below
