#!/usr/bin/env bash
# netcal 1.4.0, PyTorch 2.13.0, SciPy 1.17.1: temperature scaling of what
# a network predicts.
#
# Guess: `TemperatureScaling().fit(confidences, labels)` finds the temperature with the
#   least loss, whether the confidences are float64 or, as those that Keras and PyTorch
#   predict, float32.
# Seen: of float32 it finds nothing: the temperature is 1.0 to the bit, whatever it should
#   be, and `transform` gives back what it got. LogisticCalibration is no different. SciPy
#   looks for the slope with steps of 1.5e-8, which vanish as the loss is computed in
#   float32; the slope is 0, and the search ends where it began, as a success. Nothing
#   warns. (In float64 all is well, though what `temperature` tells is 1 / T, where the
#   documentation has softmax(s / T).)
# What helps: `confidences.astype("float64")`, for `fit` and for `transform`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet netcal==1.4.0 torch==2.13.0 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from netcal.scaling import LogisticCalibration, TemperatureScaling
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

numbers = np.random.default_rng(0)
logits = numbers.normal(0, 4, (2000, 10))  # the labels are drawn with them over 3
labels = np.array([numbers.choice(10, p=row) for row in softmax(logits / 3, axis=1)])
each = np.arange(len(labels))


def loss(probabilities):
    return -np.log(probabilities[each, labels]).mean()


def loss_at(temperature):
    return -log_softmax(logits / temperature, axis=1)[each, labels].mean()


confidences = softmax(logits, axis=1)
best = minimize_scalar(loss_at, bounds=(0.1, 10), method="bounded").x
print(f"loss {loss(confidences):.4f}; {loss_at(best):.4f} at a temperature of {best:.4f}")
found, said = {}, []
for kind in (TemperatureScaling, LogisticCalibration):
    for type_ in ("float64", "float32"):
        given, scaling = confidences.astype(type_), kind()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scaling.fit(given, labels)
            after = scaling.transform(given)
        said += [str(one.message) for one in caught if "deprecated" not in str(one.message)]
        weights = np.ravel(scaling.weights)
        found[kind, type_] = loss(after), weights, np.abs(after - given).max()
        print(f"{kind.__name__} {type_}: loss {loss(after):.4f}, weights {weights[:4]}")
print("said:", said)

for kind in (TemperatureScaling, LogisticCalibration):
    assert found[kind, "float64"][0] < loss_at(best) + 0.01, "it changed in float64"
    _, weights, moved = found[kind, "float32"]
    assert (weights[:10] == 1).all() and moved < 1e-6, "it changed in float32"
inverse = found[TemperatureScaling, "float64"][1]
assert np.allclose(inverse, 1 / best, atol=0.01), "it changed: `temperature`"
assert not said, "it warns now"
PYTHON
env/bin/python -W ignore run.py
