"""Do the report's intervals cover, and is its test of "usually" right? Known truths.

    python benchmarks/coverage.py [--repetitions N] [--json FILE]

Experiments of 13 settings, as the paper's, or of 4 and 7 arms, as studies have, one of
them the control, are drawn with a seed's part of 0.3 and a rest of known size, for 2 to
5 seeds. Printed are: the share of repetitions in which all intervals of
`collaborative.report.layout.against` cover, in which each does at worst, the mean half
width, the same for paired t intervals, how often the interval of one setting's number
(`layout.mean`) covers, and how often "usually" is said where no setting is better, half
of them are, or all are.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from collaborative.report import comparison, layout
from collaborative.system import text_table

SETTINGS, SEED_PART = 13, 0.3
CONTROL = 0
EQUAL = np.full(SETTINGS, 0.3)
ALIKE = 5  # settings with hardly any collaboration, the control among them
SHARED = 0.83  # of the variance of their rest, as measured on notMNIST


def _variances():
    """The rest's standard deviation of each setting, by the name of the case."""
    wild_control, wild_setting = EQUAL.copy(), EQUAL.copy()
    wild_control[CONTROL], wild_setting[-1] = 0.5, 1.2
    return {
        "equal": EQUAL,
        "0.2 to 0.5": np.linspace(0.2, 0.5, SETTINGS),
        "control 0.5": wild_control,
        "control 0.5, others 0.2 to 0.5": np.r_[0.5, np.linspace(0.2, 0.5, 12)],
        "one setting 1.2": wild_setting,
    } | {
        f"{arms} arms, {case}": np.r_[np.full(arms - 1, 0.3), last]
        for arms in (4, 7)
        for case, last in (("equal", 0.3), ("one arm 1.2", 1.2))
    }


def draw(rng, deviations, seeds, effects=0.0, seed_part=SEED_PART, shared=0.0):
    """A table of settings x seeds; the first `ALIKE` may share a part of their rest."""
    rest = rng.standard_normal((len(deviations), seeds))
    rest[:ALIKE] *= (1 - shared) ** 0.5
    rest[:ALIKE] += shared**0.5 * rng.standard_normal(seeds)
    values = seed_part * rng.standard_normal(seeds) + rest * deviations[:, None]
    values[1:] += np.reshape(effects, (-1, 1))
    return pd.DataFrame(values)


def coverage(deviations, seeds, repetitions, shared=0.0):
    """Shares of repetitions in which intervals cover zero, and half widths."""
    rng = np.random.default_rng(seeds)
    quantile = stats.t.ppf((1 + layout.CONFIDENCE) / 2, seeds - 1)
    covered, paired, widths = [], [], []
    for _ in range(repetitions):
        values = draw(rng, deviations, seeds, shared=shared)
        found = layout.against(values, CONTROL)
        covered.append([d.below is None for d in found.values()])
        gaps = values.iloc[1:] - values.iloc[CONTROL]
        own = quantile * gaps.to_numpy().std(axis=1, ddof=1) / seeds**0.5
        paired.append(np.abs(gaps.to_numpy().mean(axis=1)) <= own)
        widths.append([np.mean([d.half_width for d in found.values()]), own.mean()])
    covered, (ours, own) = np.array(covered), np.mean(widths, axis=0)
    return {
        "all cover": covered.all(axis=1).mean(),
        "the worst covers": covered.mean(axis=0).min(),
        "half width": ours,
        "paired t: all cover": np.all(paired, axis=1).mean(),
        "of its width": ours / own,
    }


def of_one_setting(seed_part, seeds, repetitions):
    """How often the interval of one setting's number covers it."""
    rng = np.random.default_rng(seeds)
    drawn = (draw(rng, EQUAL, seeds, seed_part=seed_part) for _ in range(repetitions))
    return np.mean([layout.mean(values, 1).below is None for values in drawn])


def usually(effects, seeds, repetitions, settings=SETTINGS - 1):
    """How often "usually" is said of so many settings of two members."""
    rng = np.random.default_rng(seeds)
    said = 0
    for _ in range(repetitions):
        gaps = [
            values.iloc[1 : settings + 1] - values.iloc[CONTROL]
            for values in (draw(rng, EQUAL, seeds, effects) for _ in range(2))
        ]
        said += comparison.usually(pd.concat(gaps)).below is True
    return said / repetitions


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    rows, means, judged = [], [], []
    for case, deviations in _variances().items():
        for seeds in (2, 3, 5):
            found = coverage(deviations, seeds, options.repetitions)
            rows.append({"rest": case, "seeds": seeds} | found)
    for seeds in (2, 3, 5):
        found = coverage(EQUAL, seeds, options.repetitions, SHARED)
        rows.append({"rest": "low weights alike", "seeds": seeds} | found)
    for seed_part in (0.3, 0.6, 0.9):
        for seeds in (2, 3, 5):
            share = of_one_setting(seed_part, seeds, options.repetitions)
            means.append({"seed's part": seed_part, "seeds": seeds, "covers": share})
    half = np.repeat([0.3, -0.3], 6)
    cases = {
        "none of 24 is better": (0.0, 12),
        "none of 2 is better": (0.0, 1),
        "12 are better by 0.3, 12 are worse": (half, 12),
        "24 are better by 0.3": (-0.3, 12),
    }
    for case, (effects, settings) in cases.items():
        for seeds in (2, 3, 5):
            share = usually(effects, seeds, options.repetitions, settings)
            judged.append({"usually, where": case, "seeds": seeds, "said": share})
    if options.json:
        options.json.write_text(json.dumps([*rows, *means, *judged], indent=1))
    for part in (rows, means, judged):
        cells = [
            [f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values()]
            for r in part
        ]
        print(text_table.aligned([list(part[0]), *cells]), "\n")


if __name__ == "__main__":
    main()
