#!/usr/bin/env bash
# pycm 4.6, scikit-learn 1.9.1: the area under the curves `PRCurve` and `ROCCurve`.
#
# Guess: `PRCurve(labels, probs, classes).area()` is, for each class, the area under
#   precision by recall, from a recall of 0 to 1, as `precision_recall_curve` and `auc` of
#   scikit-learn have it: "a larger area under the curve represents better performance".
# Seen: the curve begins at the recall of the highest threshold, and what lies below that
#   recall is left out. A network that is sure and right on all images has an area of 0.0,
#   where 1.0 is right. The votes of five networks that are right on nearly all images have
#   0.41, where 1.00 is right, and those of networks that are right on 80 % have 0.80: the
#   better they are, the less is left. Nothing warns. The documentation's example has 0.29,
#   where 0.79 is right, with a warning of a point that has no number. `ROCCurve` has the
#   point (0, 0) put to it, and not (1, 1): with thresholds of one's own, from 0.1 to 0.9,
#   the sure and right network has 0.0 there too.
# What helps: the point of recall 0 and precision 1, put to `data` before `area()`, as
#   below, and 0 among thresholds; or `average_precision_score` of scikit-learn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet pycm==4.6 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from pycm import PRCurve, ROCCurve
from sklearn.metrics import auc, precision_recall_curve

warnings.simplefilter("error")
random = np.random.default_rng(0)
labels = np.arange(300) % 3


def votes(right, networks=5):
    """The shares of the votes of networks that are each right on some of the images."""
    others = (labels[:, None] + random.integers(1, 3, (300, networks))) % 3
    said = np.where(random.random((300, networks)) < right, labels[:, None], others)
    return np.stack([(said == c).mean(1) for c in range(3)], axis=1)


def areas(labels, probabilities, classes):
    """Mean areas of the classes: pycm's, scikit-learn's, and with the point put to it."""
    curve = PRCurve(labels, probabilities, classes)
    found = list(curve.area().values())
    right = []
    for place, c in enumerate(classes):
        precision, recall, _ = precision_recall_curve(labels == c, probabilities[:, place])
        right.append(auc(recall, precision))
        curve.data[c]["TPR"].append(0.0)
        curve.data[c]["PPV"].append(1.0)
    return [float(np.mean(each)) for each in (found, right, list(curve.area().values()))]


print("area by pycm, by scikit-learn, and by pycm with the point put to it:")
sure = np.eye(3)[labels]
for name, probabilities, expected, top in (
    ("sure and right", sure, 0, 1),
    ("votes of good networks", votes(0.9), 0.413, 1),
    ("votes of worse ones", votes(0.6), 0.801, 0.877),
):
    accuracy = 100 * np.mean(probabilities.argmax(1) == labels)
    found, right, helped = areas(labels, probabilities, [0, 1, 2])
    print(f"  {name}, {accuracy:.0f} % right: {found:.2f}, {right:.2f}, {helped:.2f}")
    assert abs(found - expected) < 0.006, "it changed"
    assert abs(right - top) < 0.001 and abs(helped - right) < 1e-6

example = np.array([[0.1, 0.9], [0.4, 0.6], [0.35, 0.65], [0.8, 0.2]])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at its highest threshold one class has no image
    found, right, helped = areas(np.array([1, 1, 2, 2]), example, [2, 1])
print(f"  the documentation's example: {found:.2f}, {right:.2f}, {helped:.2f}")
assert abs(found - 0.2917) < 1e-3 and abs(right - 0.7917) < 1e-3, "it changed"

print("area by ROCCurve, sure and right:")
for thresholds, expected in ((None, 1), ([0.1, 0.5, 0.9], 0), ([0, 0.1, 0.5, 0.9], 1)):
    curve = ROCCurve(labels, sure, [0, 1, 2], thresholds=thresholds)
    print(f"  thresholds={thresholds}:", *curve.area().values())
    assert set(curve.auc.values()) == {expected}, "it changed"
PYTHON
env/bin/python run.py
