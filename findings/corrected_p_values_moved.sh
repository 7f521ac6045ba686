#!/usr/bin/env bash
# deepsig 1.2.8: to which of several comparisons a corrected p-value belongs.
#
# Guess: `deepsig.bonferroni_correction(p_values)` gives a corrected p-value for each, in
#   the order in which they came; its source sorts them and "unsorts" them again.
# Seen: with three or more they can come back in another order: the order of sorting is
#   applied a second time in place of being undone. Of 0.04, 0.001, 0.02 and 0.5 the
#   second, the only one that is significant, comes back as 0.08, and the third as 0.004,
#   which is below what it was. Of the 24 orders of four p-values 10 come back right. Two
#   always do, and so do p-values that are sorted. Nothing warns.
# What helps: `multipletests(p_values, method="holm")` of statsmodels, which has the same
#   numbers where they belong; or give the p-values sorted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet deepsig==1.2.8 statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import itertools

import numpy as np
from deepsig import bonferroni_correction
from statsmodels.stats.multitest import multipletests


def of_statsmodels(p_values):
    return multipletests(p_values, method="holm")[1]


p_values = np.array([0.04, 0.001, 0.02, 0.5])
ours, theirs = bonferroni_correction(p_values), of_statsmodels(p_values)
print("p-values   ", p_values)
print("deepsig    ", ours.round(4))
print("statsmodels", theirs.round(4))
right = {}
for count in (2, 3, 4):
    orders = [np.array(one) for one in itertools.permutations(sorted(p_values)[:count])]
    equal = [
        np.allclose(bonferroni_correction(one), of_statsmodels(one)) for one in orders
    ]
    right[count] = sum(equal), len(orders)
    print(f"of {count}: {sum(equal)} of {len(orders)} orders right, sorted {equal[0]}")
    assert equal[0], "it changed: of sorted ones"
assert np.allclose(theirs, [0.08, 0.004, 0.06, 0.5]), "it changed: statsmodels"
assert np.allclose(ours, [0.06, 0.08, 0.004, 0.5]), "it changed: deepsig"
assert right == {2: (2, 2), 3: (4, 6), 4: (10, 24)}, "it changed: orders"
PYTHON
env/bin/python -W ignore run.py
