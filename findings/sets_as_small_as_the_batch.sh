#!/usr/bin/env bash
# puncc 0.9.3: prediction sets of APS and RAPS for a few images at a time.
#
# Guess: an image's prediction set has the likeliest classes until their probabilities reach
#   what calibration found, so that nine sets in ten hold the right class at alpha=0.1. What
#   else is in the batch is no matter: without randomization (`rand=False`) the set of an
#   image is always the same.
# Seen: a set has no more classes than its batch has images: it is cut off at the number of
#   images, where the number of classes is meant. Of a hundred classes, as in CIFAR-100,
#   sets of up to 65 are cut off at 32 in batches of 32, and 77 % hold the right class in
#   place of 91; in batches of 8 it is 40 %. Of ten classes, four images at a time, 74 %. So
#   it is with `rand=True`, with RAPS, and in a last batch that is smaller; LAC is right.
#   Nothing warns.
# What helps: all images at once, or batches filled up to as many images as classes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet numpy==1.26.4 scikit-learn==1.9.1
# Classification imports these alone; the rest of the package would want plots and more.
env/bin/pip install --quiet --no-deps puncc==0.9.3
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from deel.puncc.api.prediction import BasePredictor
from deel.puncc.classification import APS, LAC, RAPS
from deel.puncc.metrics import classification_mean_coverage, classification_mean_size

warnings.simplefilter("error")


class Network:
    """The images are given as the probabilities that it answers."""

    def predict(self, probabilities):
        return probabilities


def answered(random, images, classes, spread):
    """Probabilities that are right: classes are drawn from them."""
    logits = random.normal(0, spread, (images, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = (probabilities.cumsum(1) < random.uniform(0, 1, (images, 1))).sum(1)
    return probabilities, np.minimum(right, classes - 1)


def right_sets():
    """Of numpy: the likeliest classes, until they reach nine tenths of those calibrated."""
    order, reached = [], []
    for probabilities in (calibration[0], tests):
        order.append(np.argsort(-probabilities, axis=1, kind="stable"))
        reached.append(np.take_along_axis(probabilities, order[-1], 1).cumsum(1))
    place = (order[0] == calibration[1][:, None]).argmax(1)
    scores = np.sort(reached[0][np.arange(len(place)), place])
    threshold = scores[int(np.ceil(0.9 * (len(scores) + 1))) - 1]
    sizes = (reached[1] < threshold).sum(1) + 1
    return [list(row[:size]) for row, size in zip(order[1], sizes)]


def sets(method, batch, **settings):
    np.random.seed(0)
    predictor = method(BasePredictor(Network(), is_trained=True), train=False, **settings)
    predictor.fit(X_calib=calibration[0], y_calib=calibration[1])
    found = []
    for start in range(0, len(tests), batch):
        found += predictor.predict(tests[start : start + batch], alpha=0.1)[1]
    covered = classification_mean_coverage(labels, found)
    mean, largest = classification_mean_size(found), max(map(len, found))
    print(f"  {method.__name__} {settings}, {batch} at a time:", end=" ")
    print(f"{100 * covered:.0f} % covered, {mean:.1f} classes, at most {largest}")
    return found, covered


for classes, spread, batches in ((100, 1.2, (32, 8)), (10, 1, (4,))):
    random = np.random.default_rng(0)
    calibration = answered(random, 1000, classes, spread)
    tests, labels = answered(random, 1000, classes, spread)
    print(f"{classes} classes, alpha=0.1:")
    for method, settings in (
        (APS, {"rand": False}),
        (APS, {"rand": True}),
        (RAPS, {"lambd": 0.001, "rand": False}),
    ):
        whole, covered = sets(method, len(tests), **settings)
        assert covered > 0.88
        if method is APS and not settings["rand"]:
            assert whole == right_sets()
        for batch in batches:
            found, covered = sets(method, batch, **settings)
            if not settings["rand"]:  # the same sets, cut off; the last batch is smaller
                last = len(tests) // batch * batch
                cut = [one[:batch] for one in whole[:last]]
                cut += [one[: len(tests) - last] for one in whole[last:]]
                assert found == cut, "it changed"
            assert covered < 0.86 and max(map(len, found)) == batch, "it changed"
    whole, covered = sets(LAC, len(tests))
    assert sets(LAC, batches[-1])[0] == whole and covered > 0.88
PYTHON
env/bin/python run.py
