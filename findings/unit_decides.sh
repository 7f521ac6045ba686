#!/usr/bin/env bash
# bayesian-testing 0.10.0, SciPy 1.17.1: `NormalDataTest` of the accuracies of a few runs.
#
# Guess: of the accuracies of two methods, five seeds each, it tells how probable each is to
#   be the better one, and between which limits its mean lies. The default prior is there
#   "to be low information", and "should be sufficient for most of the cases": per cent or
#   shares, accuracies or errors make no difference.
# Seen: the prior's mean is 1, in whatever unit, and how far the data are from 1 counts, as
#   a square, as if the runs varied by it; that it weighs as a hundredth of a run alone
#   makes it no small number. Methods at 75 and 76 %, whose runs vary by 0.3, differ surely:
#   Student's p is 0.0008. In per cent the better one is so with a probability of 0.66, with
#   limits of 72.0 and 79.7 %, ten times as far apart as they should be; as shares with
#   0.88, as errors in per cent with 0.89, as errors in shares with 0.66. Divided by 75.5,
#   so that they are near 1, they have 0.9994, which is right. Thirty runs of each in per
#   cent tell less surely than five should. Nothing warns.
# What helps: `add_variant_data(name, data, w_prior=0)`, which is the same in each unit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet bayesian-testing==0.10.0 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from bayesian_testing.experiments import NormalDataTest
from scipy import stats

warnings.simplefilter("error")


def told(first, second, of_errors, **prior):
    """How probably the second is the better one, and the limits of its mean."""
    test = NormalDataTest()
    for name, data in (("first", first), ("second", second)):
        test.add_variant_data(name, data, **prior)
    result = test.evaluate(sim_count=100_000, seed=0, min_is_best=of_errors)[1]
    low, high = result["credible_interval"]
    return float(result["prob_being_best"]), low, high


def runs(count, means=(75.0, 76.0)):
    """Accuracies in per cent, spread as those of normal numbers are, by 0.3."""
    spread = stats.norm.ppf((np.arange(count) + 0.5) / count)
    return [mean + 0.3 * spread / spread.std(ddof=1) for mean in means]


units = {
    "accuracy in per cent": (lambda a: a, False),
    "as a share": (lambda a: a / 100, False),
    "in tenths of a per cent": (lambda a: 10 * a, False),
    "error in per cent": (lambda a: 100 - a, True),
    "error as a share": (lambda a: 1 - a / 100, True),
}
first, second = runs(5)
p = stats.ttest_ind(first, second).pvalue
low, high = stats.t.interval(0.95, 4, second.mean(), stats.sem(second))
print(f"five runs each: Student's p is {p:.4f}, his limits {low:.2f} and {high:.2f} %")
assert p < 0.001
found = {}
for what, (unit, of_errors) in units.items():
    width = abs(unit(high) - unit(low))
    for prior in ({}, {"w_prior": 0}):
        better, *limits = told(unit(first), unit(second), of_errors, **prior)
        ratio = (limits[1] - limits[0]) / width
        print(f"  {what}, {prior or 'defaults'}: better with probability {better:.4f},")
        print("    limits {:.4g} and {:.4g},".format(*limits), f"{ratio:.2f} times as wide")
        found[what, bool(prior)] = better, ratio
for what in units:
    better, ratio = found[what, False]
    assert better < 0.92 and ratio > 3, "it changed"
    better, ratio = found[what, True]
    assert better > 0.999 and 0.7 < ratio < 1.1
assert found["accuracy in per cent", False][0] < 0.7, "it changed"
assert found["as a share", False][0] > 0.85, "it changed"

near = told(first / 75.5, second / 75.5, False)[0]
many = told(*runs(30), False)[0]
few = told(first, second, False, w_prior=0)[0]
print(f"divided by 75.5, so that they are near 1: {near:.4f}")
print(f"30 runs in per cent: {many:.4f}, and five without the prior: {few:.4f}")
assert near > 0.999 and many < few, "it changed"
PYTHON
env/bin/python run.py
