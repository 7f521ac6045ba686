"""Settings and seeds as a two-way layout: what seeds leave open of a comparison.

A number of each run is `setting + seed + rest`. The rest has one variance, estimated
from all settings together, so that few seeds decide more than their own t interval
does. The rules and their reasons are in docs/statistics.md.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
DRAWS = 100_000  # of the largest of correlated t values: docs/statistics.md, rule 2
_ROUNDING = 1e-9  # of a variance in squared points: of errors that have five digits
FEWEST = 12  # settings of which the wildest may be taken out
NULL_DRAWS = 10_000  # of the largest part of the squared rest under equal variances


@dataclasses.dataclass(frozen=True)
class Difference:
    """A difference a - b over `seeds` seeds, or a number of one setting.

    `half_width` of its 95 % interval and `p_value` (of a family, adjusted) are NaN
    where nothing is known but the sign.
    """

    mean: float
    half_width: float
    p_value: float
    seeds: int

    @classmethod
    def student(cls, mean, error, freedom, seeds, family=1):
        """Of a mean with a standard error: Student's t, one of a family (Bonferroni).

        Of a difference that did not vary, whose error is 0, the sign is known alone.
        """
        mean = float(mean)
        if error == 0:
            return cls(mean, math.nan, math.nan, seeds)
        quantile = stats.t.ppf(1 - (1 - CONFIDENCE) / family / 2, freedom)
        p_value = family * 2 * stats.t.sf(abs(mean) / error, freedom)
        return cls(mean, float(quantile * error), min(1.0, float(p_value)), seeds)

    @property
    def below(self):
        """Whether a is below b: True, False, or None where the interval has zero.

        The sign decides where there is no interval.
        """
        width = 0.0 if math.isnan(self.half_width) else self.half_width
        return None if abs(self.mean) <= width else self.mean < 0

    def text(self, digits=2):
        """The difference for a reader, with interval, p and n where there are any."""
        shown = f"{self.mean:+z.{digits}f}"
        if not math.isnan(self.half_width):
            shown += f" ± {self.half_width:.{digits}f}"
        if not math.isnan(self.p_value):
            digits = 2 if self.p_value > 100 / DRAWS else 1  # as the draws give them
            p_value = f"p = {self.p_value:.{digits}g}"
            if self.p_value < 1 / DRAWS:  # no draw was as large
                p_value = f"p < {1 / DRAWS:.0e}"
            shown += f" ({p_value}, n = {self.seeds})"
        return shown


def against(values, control, settings=None):
    """Each setting's difference from one control, as a family.

    Args:
        values: DataFrame of settings x seeds, NaN where a run is missing.
        control: one of the settings.
        settings: those that are compared with it. Default: all others.

    Returns:
        Dict from each of them that has a seed in common with the control to its
        `Difference`. Intervals hold together in 95 % of cases.
    """
    common = values.notna() & values.loc[control].notna()
    others = values.index if settings is None else settings
    family = [s for s in others if s != control and s in common.index]
    family = [setting for setting in family if common.loc[setting].any()]
    pooled = alike(values, control)
    inside = [setting for setting in family if setting in pooled]
    found = {}
    if inside:
        share = len(inside) / len(family)
        found = _family(values.loc[list(pooled)], control, inside, share)
    for setting in family:
        if setting not in found:
            gaps = values.loc[setting] - values.loc[control]
            found[setting] = paired(gaps, len(family))
    return found


def mean(values, setting):
    """The mean over seeds of one setting's number, as a `Difference` from zero.

    Its seeds vary by the seed's part and the rest, each estimated from all settings
    (Satterthwaite's degrees of freedom). None where the setting has no seed.
    """
    own = values.loc[setting].dropna()
    if not len(own):
        return None
    whole = values.loc[list(alike(values)), own.index].dropna()
    rows, seeds = whole.shape
    if setting not in whole.index or rows < 2 or seeds < 2:
        return paired(own)
    by_seed = whole.mean() - whole.to_numpy().mean()
    rest = whole.sub(whole.mean(axis=1), axis=0) - by_seed
    freedom = np.array([seeds - 1, (seeds - 1) * (rows - 1)])
    squares = np.array([(by_seed**2).sum(), (rest.to_numpy() ** 2).sum()]) / freedom
    parts = squares * [1, 1 - 1 / rows]  # of the variance of one number of one setting
    variance = parts.sum()
    if not variance > 0:
        return paired(own)
    error = math.sqrt(variance / seeds)
    freedom = variance**2 / (parts**2 / freedom).sum()
    return Difference.student(own.mean(), error, freedom, len(own))


def alike(values, control=None):
    """The settings whose rest varies alike, in order; see docs/statistics.md, rule 3.

    Args:
        values: DataFrame of settings x seeds, NaN where a run is missing.
        control: a setting that stays in.
    """
    values = values.round(9)  # errors are counts in 10,000: 0.1 + 0.2 is 0.3 here
    is_large = len(values) >= FEWEST
    while is_large and len(values) > 2:
        there = values.notna().to_numpy()
        left, freedom = _residual_maker(there.tobytes(), there.shape)
        if freedom < 2:  # of one, the parts are equal but for their rounding
            break
        parts = _parts(left @ values.to_numpy()[there], left, there)
        wildest = values.index[np.nanargmax(parts)]
        usual = _largest_part(there.tobytes(), there.shape)
        if np.nanmax(parts) <= usual or wildest == control:
            break
        values = values.drop(index=[wildest])
    return tuple(values.index)


def paired(gaps, family=1):
    """What the paired seeds of one comparison say, at its part of a family's 5 %.

    Args:
        gaps: Series of differences by seed, NaN where a run is missing.
        family: of how many comparisons this is one.
    """
    gaps = gaps.dropna().round(9)  # errors are counts in 10,000: 0.1 + 0.2 is 0.3 here
    count, average = len(gaps), float(gaps.mean())
    if count < 2:
        return Difference(average, math.nan, math.nan, count)
    variance = float(gaps.var(ddof=1))
    error = math.sqrt(variance / count) if variance > _ROUNDING else 0.0
    return Difference.student(average, error, count - 1, count, family)


def _family(values, control, settings, share):
    """Pooled differences from the control by setting, at a share of the 5 %."""
    there = values.notna().to_numpy()
    left, freedom = _residual_maker(there.tobytes(), there.shape)
    given = values.to_numpy()[there]
    rest = left @ given  # squared after it is taken: 31 - 29 and 32 - 30 are alike
    variance = float(rest @ rest) / freedom if freedom else 0.0
    if variance <= _ROUNDING:  # one seed, or numbers that vary with the setting alone
        return {}
    rows = tuple(values.index.get_loc(setting) for setting in settings)
    at = values.index.get_loc(control)
    contrasts = _contrasts(there.tobytes(), there.shape, at, rows)
    errors = np.sqrt(variance * np.sum(contrasts**2, axis=1))
    averages = contrasts @ given
    seeds = (there & there[at]).sum(axis=1)[list(rows)]
    if len(settings) == 1:  # Student's t, which needs no draws
        numbers = (averages[0], errors[0], freedom, int(seeds[0]), 1 / share)
        return {settings[0]: Difference.student(*numbers)}
    largest = _largest_t(contrasts.tobytes(), contrasts.shape, freedom)
    quantile = np.quantile(largest, 1 - (1 - CONFIDENCE) * share)
    draws_beyond = DRAWS - np.searchsorted(largest, np.abs(averages) / errors)
    p_values = np.minimum(1.0, draws_beyond / DRAWS / share)
    columns = (averages, quantile * errors, p_values, seeds)
    return {
        setting: Difference(*numbers)
        for setting, *numbers in zip(
            settings, *(c.tolist() for c in columns), strict=True
        )
    }


def _design(there):
    """Columns for each setting and each seed but the first, a row for each run."""
    settings, seeds = np.nonzero(there)
    rows = np.eye(there.shape[0])[settings]
    return np.hstack([rows, np.eye(there.shape[1])[seeds][:, 1:]])


@functools.lru_cache
def _residual_maker(mask, shape):
    """The matrix that leaves the rest of the numbers, and its degrees of freedom."""
    design = _design(np.frombuffer(mask, bool).reshape(shape))
    left = np.eye(len(design)) - design @ np.linalg.pinv(design)
    return left, round(np.trace(left))


@functools.lru_cache
def _contrasts(mask, shape, control, rows):
    """Weights of the numbers in each difference from the control, one a row."""
    weights = np.linalg.pinv(_design(np.frombuffer(mask, bool).reshape(shape)))
    return weights[list(rows)] - weights[control]


@functools.lru_cache(maxsize=32)
def _largest_t(contrasts, shape, freedom):
    """Sorted draws of the largest t value of such differences where none is true."""
    weights = np.frombuffer(contrasts).reshape(shape)
    scaled = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    drawn = stats.multivariate_t.rvs(
        shape=scaled @ scaled.T, df=freedom, size=DRAWS, random_state=0
    )
    return np.sort(np.abs(drawn.reshape(DRAWS, -1)).max(axis=1))


@functools.lru_cache
def _largest_part(mask, shape):
    """What the largest setting's part of the squared rest exceeds in 5 % of draws."""
    left, _ = _residual_maker(mask, shape)
    drawn = np.random.default_rng(0).standard_normal((NULL_DRAWS, len(left))) @ left
    parts = _parts(drawn, left, np.frombuffer(mask, bool).reshape(shape))
    return np.quantile(np.nanmax(parts, axis=-1), CONFIDENCE)


def _parts(rest, left, there):
    """Each setting's part of the squared rest, per degree of freedom; NaN: it has none.

    Args:
        rest: [..., runs].
        left: the matrix that left it, [runs, runs].
        there: bool [settings, seeds], the runs.

    Returns:
        [..., settings]; they sum to 1, or are all 0.
    """
    rows = np.eye(there.shape[0])[np.nonzero(there)[0]]
    freedom = np.diag(left) @ rows
    variances = rest**2 @ rows / np.where(freedom > 1e-9, freedom, np.nan)
    total = np.nansum(variances, axis=-1, keepdims=True)
    return variances / np.where(total > 0, total, 1.0)
