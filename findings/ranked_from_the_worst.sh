#!/usr/bin/env bash
# autorank 1.3.0, pandas 3.1.1: which method comes first, and with which all are compared.
#
# Guess: `autorank(accuracies)`, with its default order="descending", lists the methods from
#   the best to the worst, as its README shows; effect sizes are "in comparison to the
#   highest mean value", and `latex_table` has them "in relation to the best-ranked value".
#   For errors order="ascending" turns the list around.
# Seen: by default the worst comes first, with the largest mean rank, and the effect sizes
#   are those against it: of four methods with 70, 73, 76 and 80 % the one with 70 %, whose
#   mean rank is 4, has effect size 0, and the best one -10.8. The table for the paper has
#   it so. Order="ascending" gives the same list and effect sizes; the ranks alone are
#   turned around. With approach="bayesian" the list and the effect sizes do begin with the
#   best. Nothing warns.
# What helps: errors, with order="ascending"; or `rankdf.meanrank.idxmin()` for the best,
#   and effect sizes of one's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet autorank==1.3.0 baycomp==1.0.3 statsmodels==0.15.0 \
    scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import contextlib, io, warnings

import numpy as np, pandas as pd
from autorank import autorank, latex_table

warnings.simplefilter("error")
random = np.random.default_rng(0)
names = ["single", "l2", "kl", "ce"]
means = [70, 73, 76, 79]
accuracies = pd.DataFrame({n: random.normal(m, 1, 12) for n, m in zip(names, means)})
print("mean accuracies:", accuracies.mean().round(1).to_dict())
# The same order, far from normal, so that ranks and medians are compared.
skewed = np.exp(2 * (accuracies - 70))


def rank(data, **settings):
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the table as it works
        result = autorank(data, **settings)
    table = result.rankdf
    effects = [round(float(effect), 1) for effect in table["effect_size"]]
    ranks = [float(rank) for rank in table.get("meanrank", [])]
    print(f"  {settings or 'defaults'}, {result.omnibus}: {list(table.index)}")
    print(f"    mean ranks {ranks}, effect sizes {effects}")
    return list(table.index), ranks, effects, result


upwards, downwards = [1, 2, 3, 4], [4, 3, 2, 1]
for data in (accuracies, skewed):
    order, ranks, effects, result = rank(data)
    assert order == names and ranks == downwards, "it changed"
    assert effects[0] == 0 and effects[3] <= -1, "it changed"
    again = rank(data, order="ascending")
    assert again[0] == order and again[1] == upwards and again[2] == effects
    best = rank(data, approach="bayesian", random_state=0)
    assert best[0] == names[::-1] and best[2][3] >= 1, "it changed"
    worst = rank(data, approach="bayesian", order="ascending", random_state=0)
    assert worst[0] == names

print('latex_table(..., effect_size_relation="best"):')
table = io.StringIO()
with contextlib.redirect_stdout(io.StringIO()):
    result = autorank(accuracies)
with contextlib.redirect_stdout(table):
    latex_table(result, effect_size_relation="best")
rows = [row for row in table.getvalue().splitlines() if row.split(" ")[0] in names]
print(*rows, sep="\n")
assert rows[0].startswith("single & 70.022") and " 0.000 & negligible" in rows[0]
assert rows[3].startswith("ce & 79.604") and " -10.805 & large" in rows[3], "it changed"
PYTHON
env/bin/python run.py
