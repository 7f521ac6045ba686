"""Statistics over seeds: intervals, differences between settings, rank correlations.

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

from collaborative.experiments import reference
from collaborative.report import layout
from collaborative.report.layout import CONFIDENCE, Difference
from collaborative.report.records import UNKNOWN
from collaborative.runs import run_table

LEAST_P = 2 / 10_000  # of a two-sided test of 9,999 random pairings


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


def churn(answers, other_answers):
    """Fraction of images whose class differs between two runs.

    Args:
        answers, other_answers: what `records.answers` gives; images that only one of
            them has do not count.

    Returns:
        The fraction, NaN where they have no image in common.
    """
    given, others = _common(answers, other_answers)
    return float(np.mean(_changed(given, others))) if len(given) else math.nan


def _common(answers, other_answers):
    """Two runs' answers to the images that both have, in one order."""
    if answers.index.equals(other_answers.index):
        return answers, other_answers
    common = answers.index.intersection(other_answers.index)
    return answers.loc[common], other_answers.loc[common]


def _changed(answers, other_answers):
    """For each image whether two runs classify it differently: bool `[n]`."""
    return answers["given"].to_numpy() != other_answers["given"].to_numpy()


def images_half_width(answers, other_answers, family=1):
    """What test images leave open of a difference of two models' errors.

    Half the width of the 95 % interval over images, in points. As in McNemar's test the
    images count that just one of the two gets right. Where an image's label is unknown,
    it counts where they classify it differently, so that the width is the most that it
    can be. One image counts at least: that none was seen is not that there is none.

    Args:
        answers, other_answers: what `records.answers` gives; images that only one of
            them has do not count.
        family: of how many comparisons this is one; they hold together in 95 % of
            cases (Bonferroni).

    Returns:
        NaN where they have no image in common.
    """
    answers, other_answers = _common(answers, other_answers)
    images = len(answers)
    if not images:
        return math.nan
    both_wrong = _wrong(answers) & _wrong(other_answers)
    apart = max(1, np.count_nonzero(_changed(answers, other_answers) & ~both_wrong))
    quantile = stats.norm.ppf(1 - (1 - CONFIDENCE) / family / 2)
    return 100 * quantile * math.sqrt(apart) / images


def _wrong(answers):
    """For each image whether its answer is known to be wrong: bool `[n]`."""
    given, labels = answers["given"].to_numpy(), answers["label"].to_numpy()
    return (labels != UNKNOWN) & (given != labels)


def family(values, control, answers, settings=None):
    """`layout.against`, with what the test images leave open besides the seeds.

    No interval is narrower than the images leave open, which is all that is known of
    one seed. Where all seeds have the same images, so that these do not vary with the
    seeds, that is added. Settings that train the same network count once.

    Args:
        values: DataFrame of settings x seeds: final test errors in %.
        control: one of the settings.
        answers: from a setting and a seed to a list of what `records.answers` gives,
            one for each network whose mean error it is; empty where nothing is
            recorded.
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
            _same_answers(answers(earlier, seed), answers(later, seed))
            for seed in seeds
        ):
            found[later] = earlier
    return found


def _same_answers(given, others):
    """Whether two lists of answers are the same networks'."""
    return (
        bool(given)
        and len(given) == len(others)
        and not any(
            not math.isclose(a.attrs["nll"], b.attrs["nll"], rel_tol=1e-6)
            or churn(a, b) > 0
            or not _same_images(a.index, b.index)
            for a, b in zip(given, others, strict=True)
        )
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
        [images_half_width(*pair, family=compared) ** 2 for pair in of_seed]
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
    return all(_same_images(one.index, first.index) for one, _ in others)


def _same_images(index, other):
    """Whether two indexes have the same keys, in whatever order."""
    return index.equals(other) or index.symmetric_difference(other).empty


def rank_correlation(a, b):
    """Spearman's rank correlation of two Series over their common index.

    Returns:
        (rho, p, n) of the n numbers that both have; p is a permutation test's, exact up
        to seven pairs and of 9,999 random pairings above, so that `LEAST_P` is its
        least. rho and p are NaN for fewer than three pairs, or where a side is
        constant.
    """
    a, b = a.dropna().align(b.dropna(), join="inner")
    if len(a) < 3 or a.nunique() == 1 or b.nunique() == 1:
        return math.nan, math.nan, len(a)
    ranks, other = stats.rankdata(a), stats.rankdata(b)
    test = stats.permutation_test(  # with fixed ranks rho grows with their product
        (ranks,), lambda x, axis: x @ other, permutation_type="pairings", random_state=0
    )
    return float(np.corrcoef(ranks, other)[0, 1]), float(test.pvalue), len(a)


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


def grid_correlations(runs, paper):
    """Spearman's correlation of our final results with the paper's over the grid.

    Args:
        runs: rows of `run_table.load_runs`; those in the paper's setting count.
        paper: `author_runs.load()`.

    Returns:
        List of dicts: dataset, model, quantity, rho, p, settings (how many in common).
    """
    runs = runs[runs["setting"] == ""]
    ours, theirs = final_summary(runs), final_summary(paper)
    rows = []
    for dataset in sorted(runs["dataset"].unique(), key=reference.dataset_place):
        their_name = reference.paper_dataset(dataset)
        if their_name is None:
            continue
        for model in reference.MODELS:
            for quantity in ("error", "cost"):
                rho, p, count = rank_correlation(
                    _grid(ours, dataset, model, quantity),
                    _grid(theirs, their_name, model, quantity),
                )
                rows.append(
                    {"dataset": dataset, "model": model, "quantity": quantity}
                    | {"rho": rho, "p": p, "settings": count}
                )
    return rows


def _grid(summary, dataset, model, quantity):
    """A Series by (method, alpha)."""
    rows = summary[quantity].reset_index()
    chosen = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
    return chosen.set_index(["method", "alpha"])[quantity]
