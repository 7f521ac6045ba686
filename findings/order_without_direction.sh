#!/usr/bin/env bash
# scikit-posthocs 0.17.1, SciPy 1.17.1: two tests of a rise, `test_osrt` and `test_page`.
#
# Guess: `test_osrt`, "Hayter's one-sided studentised range test", tells whether errors rise
#   from group to group, say with the weight of a cost: its p-value is small where they do
#   and near 1 where they fall. `test_page(..., alternative="less")` of a fall is what
#   alternative="greater" is of the same columns from last to first, and the two-sided
#   p-value is the same from either end.
# Seen: `test_osrt` takes the largest difference whichever way it goes. A rise and a fall
#   have the same p-value, 0.0008, that of Tukey's test of the two that differ most; 0.0004
#   and 1 are right. Of equal groups it calls 5 % different, and in half of these what it
#   calls a rise is a fall. `test_page` takes its continuity correction off the sum of ranks
#   whichever way this differs: two-sided, a rise has p = 0.053 and the same columns from
#   the other end 0.037, "greater" and "less" 0.026 and 0.018; 0.053 and 0.026 are right.
#   Nothing warns. `test_jonckheere` is right both ways.
# What helps: `test_jonckheere`; `scipy.stats.page_trend_test` with the columns in the order
#   that is to rise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet scikit-posthocs==0.17.1 statsmodels==0.15.0 scipy==1.17.1 \
    pandas==3.1.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np, scikit_posthocs as sp
from scipy import stats

warnings.simplefilter("error")
warnings.filterwarnings("ignore", "The inplace keyword")  # what it asks of pandas
groups, runs = 4, 5


def largest(errors, sign=1):
    """Hayter's statistic of [..., groups, runs]: the largest rise by its deviation."""
    means = sign * errors.mean(-1)
    spread = np.sqrt(errors.var(-1, ddof=1).mean(-1) / runs)
    rises = [means[..., j] - means[..., i] for j in range(groups) for i in range(j)]
    return np.max(rises, axis=0) / spread


random = np.random.default_rng(0)
equal = random.normal(size=(50_000, groups, runs))
by_chance = largest(equal)
rising = random.normal(24 + 0.8 * np.arange(groups)[:, None], 1, (groups, runs))
print("errors of five runs by weight:", rising.mean(1).round(1))
found = {}
for name, errors in (("rising", rising), ("falling", rising[::-1])):
    samples = [list(group) for group in errors]
    p, statistic, _ = sp.test_osrt(samples)
    tukey = stats.tukey_hsd(*samples).pvalue.min()
    right = (by_chance >= largest(errors)).mean()
    ordered = sp.test_jonckheere(samples, alternative="greater")[0]
    found[name] = p, right
    print(f"  {name}: test_osrt {p:.2g}, Tukey's test {tukey:.2g}", end="")
    print(f", by simulation {right:.2g}, test_jonckheere {ordered:.2g}")
    assert np.isclose(p, tukey, rtol=1e-6), "it changed"
    assert np.isclose(statistic, max(largest(errors), largest(errors, -1)))
    assert (ordered < 0.01) == (name == "rising")
assert np.isclose(found["rising"][0], found["falling"][0]), "it changed"
assert found["rising"][1] < 0.6 * found["rising"][0] and found["falling"][1] > 0.9

level = stats.studentized_range.isf(0.05, groups, groups * (runs - 1))
either = np.maximum(largest(equal), largest(equal, -1)) > level
falls = (either & (largest(equal, -1) > largest(equal))).mean()
print(f"equal groups: p < 0.05 in {either.mean():.1%}, for a fall in {falls:.1%}")
assert abs(either.mean() - 0.05) < 0.005 and abs(falls - 0.025) < 0.003
for some in np.flatnonzero(either)[:20]:  # the package says so of these
    assert sp.test_osrt([list(group) for group in equal[some]])[0] < 0.05, "it changed"

print("Page's test of five data sets and four weights:")
random = np.random.default_rng(15)
table = random.normal(size=(5, groups)) + 0.6 * np.arange(groups)
turned = table[:, ::-1]
ranks = stats.rankdata(table, axis=1).sum(0)
excess = ranks @ np.arange(1, groups + 1) - 5 * groups * (groups + 1) ** 2 / 4
deviation = np.sqrt(5 * groups**2 * (groups + 1) ** 2 * (groups - 1) / 144)
right = stats.norm.sf((excess - 0.5) / deviation)
rise = sp.test_page(table, alternative="greater")[0]
fall = sp.test_page(turned, alternative="less")[0]
either_way = sp.test_page(table)[0], sp.test_page(turned)[0]
exact = stats.page_trend_test(table, method="exact").pvalue
print(f"  a rise {rise:.4f}, the same as a fall {fall:.4f}, by hand {right:.4f}", end="")
print(f", SciPy, exact {exact:.4f}")
print("  two-sided: a rise {:.4f}, a fall {:.4f}".format(*either_way))
assert np.isclose(rise, right)
wrong = stats.norm.sf((excess + 0.5) / deviation)
assert np.isclose(fall, wrong) and fall < 0.8 * right, "it changed"
assert 2 * wrong < 0.05 < 2 * right
assert np.allclose(either_way, [2 * right, 2 * wrong]), "it changed"
PYTHON
env/bin/python run.py
