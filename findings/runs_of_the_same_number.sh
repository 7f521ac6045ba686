#!/usr/bin/env bash
# scikit-posthocs 0.17.1, pandas 3.1.1: `posthoc_tukey_hsd` of tables of runs put together.
#
# Guess: `posthoc_tukey_hsd(table, val_col="error", group_col="method")` compares methods by
#   these two columns ("Refer to `scipy.stats.tukey_hsd` for details of the test"). That the
#   rows' numbers come twice, as after `pd.concat` of tables that were read one by one, is
#   no matter.
# Seen: it takes a method's rows by their numbers, and gets all rows that have these. Where
#   each method has a table of its own, with rows 0 to 4, each of the three methods gets
#   all 15 runs: every p-value is 1, where 0.012, 0.0004 and 0.000003 are right. Where each
#   session has a table of all methods, in the same order, each run of two sessions counts
#   twice: differences of p = 0.07 and 0.03 are told 0.003 and 0.0004; of three sessions
#   each counts three times. The means in the table are right in both. 16 other tests of
#   the package, `posthoc_tukey` among them, go by the columns. Nothing warns.
# What helps: `pd.concat(tables, ignore_index=True)`, or `table.reset_index(drop=True)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet scikit-posthocs==0.17.1 statsmodels==0.15.0 scipy==1.17.1 \
    pandas==3.1.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np, pandas as pd, scikit_posthocs as sp
from scipy.stats import studentized_range
from statsmodels.stats.multicomp import pairwise_tukeyhsd

warnings.simplefilter("error")
columns = {"val_col": "error", "group_col": "method"}
pairs = (0, 0, 1), (1, 2, 2)


def by_hand(table):
    """Tukey's test of each pair: its difference by the deviation of all, in NumPy."""
    runs = [table["error"].to_numpy()[table["method"] == m] for m in sorted(means)]
    spread = sum(((r - r.mean()) ** 2).sum() for r in runs) / (len(table) - len(runs))
    ranges = [
        abs(runs[i].mean() - runs[j].mean())
        / np.sqrt(spread / 2 * (1 / len(runs[i]) + 1 / len(runs[j])))
        for i, j in zip(*pairs)
    ]
    return studentized_range.sf(ranges, len(runs), len(table) - len(runs))


def compare(tables):
    table = pd.concat(tables)
    numbers = {
        "posthoc_tukey_hsd": sp.posthoc_tukey_hsd(table, **columns).to_numpy()[pairs],
        "posthoc_tukey": sp.posthoc_tukey(table, sort=True, **columns).to_numpy()[pairs],
        "statsmodels": pairwise_tukeyhsd(table["error"], table["method"]).pvalues,
        "by hand": by_hand(table),
        "numbered anew": sp.posthoc_tukey_hsd(
            table.reset_index(drop=True), **columns
        ).to_numpy()[pairs],
    }
    for what, found in numbers.items():
        print(f"  {what}:", *[f"{p:.2g}" for p in found])
    for what in list(numbers)[1:]:
        assert np.allclose(numbers[what], numbers["by hand"], rtol=1e-4, atol=1e-8), what
    return numbers["posthoc_tukey_hsd"], numbers["by hand"]


print("p-values of KL and L2, KL and single, L2 and single; a table for each method:")
random = np.random.default_rng(0)
means = {"single": 28, "L2": 26, "KL": 24}
tables = [
    pd.DataFrame({"method": m, "error": random.normal(means[m], 1, 5)}) for m in means
]
found, right = compare(tables)
assert (found > 0.999).all() and (right < 0.02).all(), "it changed"

means = {"single": 28.6, "L2": 27.4, "KL": 26.9}


def session(random):
    errors = [random.normal(means[m], 1.2, 3) for m in means]
    return pd.DataFrame({"method": np.repeat(list(means), 3), "error": np.ravel(errors)})


print("a table for each session, two of them:")
random = np.random.default_rng(0)
tables = [session(random), session(random)]
found, right = compare(tables)
assert 0.06 < right[1] < 0.07 and 0.02 < right[2] < 0.03
assert found[1] < 0.003 and found[2] < 0.0005, "it changed"
twice = by_hand(pd.concat(tables * 2, ignore_index=True))
print("  each run twice, by hand:", *[f"{p:.2g}" for p in twice])
assert np.allclose(found, twice), "it changed"
print("three sessions:")
tables.append(session(random))
found, _ = compare(tables)
assert np.allclose(found, by_hand(pd.concat(tables * 3, ignore_index=True))), "it changed"

others = "conover dunn nemenyi ttest mannwhitney wilcoxon scheffe tamhane tukey dscf"
others += " games_howell median vanwaerden lsd snk duncan"
table = pd.concat(tables)
for name in others.split():
    test = getattr(sp, "posthoc_" + name)
    anew = test(table.reset_index(drop=True), **columns)
    assert np.allclose(test(table, **columns), anew), f"it changed: {name}"
print("the same with rows numbered anew:", len(others.split()), "other tests")
PYTHON
env/bin/python run.py
