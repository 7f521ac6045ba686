"""Statistics over seeds: intervals, and differences between settings.

Two settings are compared seed by seed: equal seeds have equal initial weights, split
and order of images, so that much of what varies between seeds cancels.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import statistics

import numpy as np
from scipy import stats

from collaborative.report import layout
from collaborative.report.image_answers import ImageAnswers, mcnemar_half_width
from collaborative.report.layout import CONFIDENCE, Difference
from collaborative.runs import run_table


def half_width(values):
    """Half the width of Student's 95 % interval of a mean; NaN for fewer than two."""
    count = len(values)
    if count < 2:
        return math.nan
    return float(half_widths(np.std(values, ddof=1), count))


def half_widths(deviations, counts):
    """`half_width` of many means at once.

    Args:
        deviations: standard deviations (of n - 1) of what each is the mean of.
        counts: of how many numbers, of the same shape; NaN comes for fewer than two.
    """
    quantiles = stats.t.ppf((1 + CONFIDENCE) / 2, counts - 1)
    return quantiles * deviations / np.sqrt(counts)


def usually(gaps):
    """How far the share of comparisons that are worse is from one half.

    Args:
        gaps: DataFrame of comparisons x seeds, each a setting minus its control.

    Returns:
        A `Difference` over seeds (each a cluster: its comparisons share a control), or
        None where there are none. Below zero, comparisons are usually better. The
        spread over seeds is at least that of independent comparisons of equals.
    """
    gaps = gaps.dropna(axis=1).round(9)
    if not gaps.size:
        return None
    worse = (gaps > 0).mean() + (gaps == 0).mean() / 2 - 0.5
    count, average = len(worse), float(worse.mean())
    if count == 1:
        return Difference(average, math.nan, math.nan, 1)
    spread = max(worse.std(ddof=1), 0.5 / math.sqrt(len(gaps)))
    return Difference.student(average, spread / math.sqrt(count), count - 1, count)


def family(values, control, answers, settings=None):
    """`layout.against`, with what the test images leave open besides the seeds.

    No interval is narrower than the images leave open, which is all that is known of
    one seed. Where all seeds have the same images, so that these do not vary with the
    seeds, that is added. Settings that train the same network count once.

    Args:
        values: DataFrame of settings x seeds: final test errors in %.
        control: one of the settings.
        answers: from a setting and a seed to a list of `ImageAnswers`, one for each
            network whose mean error it is; empty where nothing is recorded.
        settings: those that are compared with it. Default: all others.

    Returns:
        Dict from each setting that has a seed in common to its `layout.Difference`, but
        from none that trains the control's network. Its half width is NaN where one
        seed alone, or seeds with equal gaps, have no answers.
    """
    answers = functools.cache(answers)  # the control's are asked for with each setting
    copies = _copies(values, (control, *(settings or ())), answers)
    values = values.drop(index=list(copies))
    gaps = layout.against(values, control, settings)
    there = values.notna()
    for setting, gap in gaps.items():
        seeds = values.columns[there.loc[setting] & there.loc[control]]
        given = [[answers(s, seed) for s in (setting, control)] for seed in seeds]
        gaps[setting] = _with_images(gap, given, len(gaps))
    return gaps | {s: gaps[first] for s, first in copies.items() if first in gaps}


def _copies(values, first, answers):
    """The settings that train the same networks as an earlier one, with that one.

    At each seed that both have, the error, the answer to each image and the cost are
    the same. Such a setting has no rest of its own: in the layout it would narrow all
    intervals.

    Args:
        values, answers: as in `family`.
        first: settings that come before the others, in order.
    """
    order = [s for s in dict.fromkeys((*first, *values.index)) if s in values.index]
    errors = dict(zip(order, values.loc[order].round(9).to_numpy(float), strict=True))
    found = {}
    for earlier, later in itertools.combinations(order, 2):
        if earlier in found or later in found:
            continue
        gaps = errors[later] - errors[earlier]
        seeds = values.columns[~np.isnan(gaps)]
        are_equal = not seeds.empty and not np.nansum(np.abs(gaps))
        if are_equal and all(
            _same_networks(answers(earlier, seed), answers(later, seed))
            for seed in seeds
        ):
            found[later] = earlier
    return found


def _same_networks(given, others):
    """Whether two lists of `ImageAnswers` are the same networks', in their order."""
    return (
        bool(given)
        and len(given) == len(others)
        and all(map(ImageAnswers.is_of_network, given, others))
    )


def _with_images(gap, given, compared):
    """A difference whose interval leaves open what its test images do, or more.

    The width of a mean of several networks is at most their quadratic mean. A seed
    without answers is taken to have the width, and the images, of the others.

    Args:
        gap: a `layout.Difference`.
        given: for each seed the answers of the setting and of the control, two lists.
        compared: of how many comparisons this is one.
    """
    pairs = [list(itertools.product(*both)) for both in given]
    widths = [
        [mcnemar_half_width(*pair, compared) ** 2 for pair in of_seed]
        for of_seed in pairs
        if of_seed
    ]
    if not widths:
        return gap
    square = statistics.fmean(map(statistics.fmean, widths))
    if len(given) > 1 and _share_images(itertools.chain.from_iterable(pairs)):
        width = math.hypot(np.nan_to_num(gap.half_width), math.sqrt(square))
    else:
        width = math.sqrt(square / len(given))
    if gap.half_width >= width:
        return gap
    return dataclasses.replace(gap, half_width=width, p_value=math.nan)


def _share_images(pairs):
    """Whether the answers of all pairs are to the same images."""
    (first, _), *others = pairs
    return all(first.has_images_of(one) for one, _ in others)


def final_summary(runs):
    """Final test error (%) and cost of each setting: mean, interval and seeds.

    Args:
        runs: rows of `run_table.load_runs` of one `setting`.

    Returns:
        A DataFrame by dataset, method, alpha and model, with the columns error,
        error_half_width, cost, cost_half_width and seeds.
    """
    final = run_table.final_epochs(runs)
    final = final.assign(
        error=run_table.percent(final["test_error"]), cost=final["test_cost"]
    )
    groups = final.groupby(["dataset", "method", "alpha", "model"])
    return groups.agg(
        error=("error", "mean"),
        error_half_width=("error", half_width),
        cost=("cost", "mean"),
        cost_half_width=("cost", half_width),
        seeds=("seed", "nunique"),
    )
