#!/usr/bin/env bash
# DESlib 0.3.7, scikit-learn 1.6.1: the probabilities of KNORAU and others with soft voting.
#
# Guess: `KNORAU(networks, k=7, voting="soft")` weighs what the networks say of an image by
#   how many of the 7 images that are nearest to it each got right; `predict_proba` has the
#   mean of their probabilities, so weighted. `k` says how far to look. Calibrated networks
#   stay so: soft voting is "recommended for an ensemble of well-calibrated classifiers".
# Seen: the weights are not divided by their sum, and what comes out is taken for logits: a
#   softmax of it is the answer. The weights are counts of up to k, so that k is an inverse
#   temperature. Of images on which ten networks differ, and on which their mean is sure by
#   0.65 and right on 70 %, k=7 is sure by 0.58, k=30 by 0.93, k=100 by 0.98, right on as
#   many. DESP(mode="weighting"), whose weights are from 0 to 1, is sure by 0.14: of ten
#   classes the surest answer that there can be is 0.23. Images on which all networks
#   agree have the plain mean, so that one call has two scales. The classes are as they
#   should be. No warning tells.
# What helps: voting="hard", or mode="selection"; or the weights by hand as below. (It needs
#   scikit-learn below 1.7, which it does not ask pip for.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet DESlib==0.3.7 scikit-learn==1.6.1 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from scipy.special import softmax

warnings.simplefilter("ignore")  # scikit-learn warns of what DESlib calls
from deslib.des.des_p import DESP
from deslib.des.knora_u import KNORAU

NETWORKS, CLASSES = 10, 10
random = np.random.default_rng(0)


class Network:
    """A row has what each network says of an image, its logits, side by side."""

    def __init__(self, which):
        self.columns = slice(CLASSES * which, CLASSES * (which + 1))
        self.classes_ = np.arange(CLASSES)

    def fit(self, rows, labels):
        return self

    def predict_proba(self, rows):
        return softmax(rows[:, self.columns], axis=1)

    def predict(self, rows):
        return self.predict_proba(rows).argmax(1)


def drawn(count):
    labels = random.integers(0, CLASSES, count)
    of_all = 2.5 * np.eye(CLASSES)[labels] + random.normal(size=(count, CLASSES))
    own = 0.7 * random.normal(size=(count, NETWORKS, CLASSES))
    return 5 * (of_all[:, None] + own).reshape(count, -1), labels


rows, labels = drawn(2000)  # to weigh by
test_rows, test_labels = drawn(2000)
networks = [Network(which) for which in range(NETWORKS)]
said = np.stack([network.predict_proba(test_rows) for network in networks], 1)
differ = (said.argmax(2) != said.argmax(2)[:, :1]).any(1)


def shown(what, probabilities):
    """How sure, how often right, and the calibration error of 15 bins."""
    sure = probabilities.max(1)
    right = probabilities.argmax(1) == test_labels[differ]
    bins = np.minimum((15 * sure).astype(int), 14)
    error = np.abs(np.bincount(bins, sure - right)).sum() / len(sure)
    print(f"  {what}: sure {sure.mean():.2f}, right {right.mean():.2f}, error {error:.2f}")
    return sure.mean(), error


def told(selection):
    """What it says, and the same with the weights that it finds, by hand."""
    found = selection.fit(rows, labels).predict_proba(test_rows)
    near = selection.get_competence_region(test_rows[differ])[1]
    weights = selection.estimate_competence(near)[:, :, None]
    share = (weights * said[differ]).sum(1) / weights.sum(1)
    again = softmax((weights * said[differ]).mean(1), axis=1)
    assert np.abs(found[differ] - again).max() < 1e-9, "it changed"
    assert np.abs(found[~differ] - said[~differ].mean(1)).max() < 1e-9
    return found[differ], share


share_of_all = round(100 * differ.mean())
print(f"{share_of_all} % of the images, of which the networks say different classes:")
plain = shown("mean of all networks", said[differ].mean(1))
assert plain[1] < 0.1
results = {}
for name, selection in {
    "KNORAU, k=7": KNORAU(networks, k=7, voting="soft", n_jobs=1),
    "KNORAU, k=30": KNORAU(networks, k=30, voting="soft", n_jobs=1),
    "KNORAU, k=100": KNORAU(networks, k=100, voting="soft", n_jobs=1),
    "DESP by weighting": DESP(networks, mode="weighting", voting="soft", n_jobs=1),
}.items():
    found, by_hand = told(selection)
    results[name] = shown(name, found)
    sure, error = shown("  with its weights, by hand", by_hand)
    assert abs(sure - plain[0]) < 0.02 and error < 0.1
few, more, many, weighting = results.values()
assert few[0] < plain[0] < more[0] < many[0] and min(more[1], many[1]) > 0.2, "it changed"
assert weighting[0] < 0.2 and weighting[1] > 0.5, "it changed"
PYTHON
env/bin/python run.py
