#!/usr/bin/env bash
# DESlib 0.3.7, scikit-learn 1.6.1: which networks `metric_diversity="Q"` chooses.
#
# Guess: DESClustering chooses, for each cluster of images, the best of the networks by
#   accuracy, and of these the ones that differ most (more_diverse=True, the default), by
#   "DF", "ratio" or "Q". Q is 1 for two networks that err on the same images and 0 for
#   independent ones, as its own documentation has it: the smaller the more diverse.
# Seen: the largest Q is taken for the most diverse. That is right for the ratio of errors,
#   and for "DF", whose sign it turns around; that of Q it does not. Of ten networks that
#   are right on 70 % each, five of them nearly the same and five independent, "DF" and
#   "ratio" choose the independent ones, which vote right on 95 %, and "Q" those that are
#   nearly the same, which vote right on 70 %. more_diverse=False chooses the independent
#   ones. DESKNN goes by the same functions. No warning tells.
# What helps: "DF", or more_diverse=False with "Q". (It needs scikit-learn below 1.7, which
#   it does not ask pip for.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet DESlib==0.3.7 scikit-learn==1.6.1 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import itertools, warnings

import numpy as np

warnings.simplefilter("ignore")  # scikit-learn warns of what DESlib calls
from deslib.des.des_clustering import DESClustering

NETWORKS, CLASSES, IMAGES = 10, 10, 3000
random = np.random.default_rng(0)


class Network:
    """A row has what each network says of an image."""

    def __init__(self, which):
        self.which = which
        self.classes_ = np.arange(CLASSES)

    def fit(self, rows, labels):
        return self

    def predict(self, rows):
        return rows[:, self.which].astype(int)


def drawn():
    labels = random.integers(0, CLASSES, IMAGES)

    def said():
        others = (labels + random.integers(1, CLASSES, IMAGES)) % CLASSES
        return np.where(random.random(IMAGES) < 0.7, labels, others)

    one = said()
    alike = [np.where(random.random(IMAGES) < 0.93, one, said()) for _ in range(5)]
    rows = np.stack([*alike, *(said() for _ in range(5))], 1)
    return rows.astype(float), labels


def q(right):
    """The mean Q of each two, from its definition."""
    values = []
    for one, other in itertools.combinations(right.T, 2):
        same = (one & other).mean() * (~one & ~other).mean()
        different = (one & ~other).mean() * (~one & other).mean()
        values.append((same - different) / (same + different))
    return np.mean(values)


(rows, labels), (test_rows, test_labels) = drawn(), drawn()
right = rows == labels[:, None]
print("each network is right, in %:", *(100 * right.mean(0)).round().astype(int))
alike, independent = q(right[:, :5]), q(right[:, 5:])
print(f"mean Q of the first five {alike:.2f}, of the last five {independent:.2f}")
assert alike > 0.9 and abs(independent) < 0.1

networks = [Network(which) for which in range(NETWORKS)]
chosen = {}
for metric, more in (("DF", True), ("ratio", True), ("Q", True), ("Q", False)):
    selection = DESClustering(
        networks,
        pct_accuracy=1.0,
        pct_diversity=0.5,
        metric_diversity=metric,
        more_diverse=more,
        n_clusters=3,
        random_state=0,
        n_jobs=1,
    ).fit(rows, labels)
    (which,) = {tuple(sorted(row)) for row in selection.indices_.tolist()}
    percent = round(100 * (selection.predict(test_rows) == test_labels).mean())
    print(f"{metric}, more_diverse={more}: networks", *which, f"are right on {percent} %")
    chosen[metric, more] = which, percent
first, last = tuple(range(5)), tuple(range(5, 10))
for metric in ("DF", "ratio"):
    assert chosen[metric, True][0] == last and chosen[metric, True][1] > 90
assert chosen["Q", True][0] == first and chosen["Q", True][1] < 75, "it changed"
assert chosen["Q", False] == chosen["DF", True], "it changed"
PYTHON
env/bin/python run.py
