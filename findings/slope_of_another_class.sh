#!/usr/bin/env bash
# calzone-tool 0.1.0, statsmodels 0.15.0: Cox's slope and intercept of one class of several.
#
# Guess: `CalibrationMetrics(class_to_calculate=3)` tells how far class 3 against the others
#   is right: Spiegelhalter's test, ECE, and by "COX" a slope and an intercept, which are 1
#   and 0 where it is right. So does `cox_regression_analysis(..., class_to_calculate=3)`:
#   more than two classes are made two "based on the specified class_to_calculate".
# Seen: "COX" is that of class 1, whatever class is asked for, and "COX ICI" how far slope
#   and intercept of class 1 move the probabilities of class 3. Of a network that is right
#   of class 1 and twice too sure of class 3 it tells of class 3 a slope of 0.96 and an ICI
#   of 0.002, with intervals that hold 1 and 0, in the same answer in which Spiegelhalter's
#   p is 0; 0.53 and 0.052 are right. `cox_regression_analysis` takes class 3's labels and
#   class 1's probabilities: -0.12, twice too sure or right. Class 1, and two classes, are
#   right. Nothing warns.
# What helps: two columns, 1 - p and p of the class, with labels 0 and 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet calzone-tool==0.1.0 statsmodels==0.15.0 scipy==1.17.1 \
    matplotlib==3.11.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from calzone.metrics import CalibrationMetrics, cox_regression_analysis

warnings.simplefilter("error")
random = np.random.default_rng(0)
logits = random.normal(0, 1.5, (6000, 10))
right = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
labels = np.array([random.choice(10, p=p) for p in right])  # as the probabilities say


def by_hand(outcome, p):
    """Slope and intercept of the logistic regression on the log odds, in NumPy."""
    x = np.stack([np.log(p / (1 - p)), np.ones(len(p))], axis=1)
    parameters = np.zeros(2)
    for _ in range(30):  # Newton's steps
        said = 1 / (1 + np.exp(-x @ parameters))
        curvature = x.T * (said * (1 - said)) @ x
        parameters += np.linalg.solve(curvature, x.T @ (outcome - said))
    moved = np.abs(1 / (1 + np.exp(-x @ parameters)) - p).mean()
    return parameters[0], parameters[1], moved


def told(probabilities, y, which):
    metrics = CalibrationMetrics(class_to_calculate=which)
    found = metrics.calculate_metrics(y, probabilities, ["COX", "SpiegelhalterZ"])
    holds = found["COX coef lowerci"] <= 1 <= found["COX coef upperci"]
    holds &= found["COX intercept lowerci"] <= 0 <= found["COX intercept upperci"]
    p = found["SpiegelhalterZ p-value"]
    names = "COX coef", "COX intercept", "COX ICI"
    return np.array([found[name] for name in names]), holds, p


def show(what, probabilities, which):
    outcome, p = (labels == which).astype(float), probabilities[:, which]
    metrics, holds, spiegelhalter = told(probabilities, labels, which)
    alone = cox_regression_analysis(labels, probabilities, class_to_calculate=which)[:2]
    hand = np.array(by_hand(outcome, p))
    two = told(np.stack([1 - p, p], axis=1), outcome, 1)[0]
    print(f"{what}, class {which}, slope, intercept and ICI:")
    print("  metrics", metrics.round(3), "intervals hold 1 and 0:", bool(holds), end="")
    print(f", Spiegelhalter's p {spiegelhalter:.2g}")
    print("  cox_regression_analysis", np.round(alone, 3))
    print("  by hand", hand.round(3), "given as two classes", two.round(3))
    assert np.allclose(two, hand, atol=1e-4)
    return metrics, holds, spiegelhalter, alone, hand


# Of what class 1 leaves, twice too sure of class 3; the others share the rest as before.
left = 1 - right[:, 1]
odds = (right[:, 3] / (left - right[:, 3])) ** 2
sure = right * (left / (1 + odds) / (left - right[:, 3]))[:, None]
sure[:, 1], sure[:, 3] = right[:, 1], left * odds / (1 + odds)
assert np.allclose(sure.sum(1), 1)

first, holds, p, alone, hand = show("right", right, 1)
assert holds and p > 0.1
assert np.allclose(first, hand, atol=1e-4) and np.allclose(alone, hand[:2], atol=1e-4)
metrics, holds, p, alone, hand = show("right", right, 3)
assert np.array_equal(metrics[:2], first[:2]), "it changed"
wrong = alone
assert abs(hand[0] - 1) < 0.1 and alone[0] < 0, "it changed"
metrics, holds, p, alone, hand = show("twice too sure", sure, 3)
assert p < 1e-9 and 0.4 < hand[0] < 0.6 and hand[2] > 0.04
assert holds and np.array_equal(metrics[:2], first[:2]), "it changed"
assert metrics[2] < 0.01 and np.array_equal(alone, wrong), "it changed"
PYTHON
env/bin/python run.py
