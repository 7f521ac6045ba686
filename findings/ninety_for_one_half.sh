#!/usr/bin/env bash
# uncertainty-calibration 0.1.4, scikit-learn 1.9.1: the interval of a calibration error.
#
# Guess: `calibration.get_calibration_error_uncertainties(probs, labels, alpha=0.1)` gives,
#   as it says, "1-alpha confidence intervals produced by bootstrap resampling": 90 % by
#   default, and half of the estimates lie within the interval of alpha=0.5.
# Seen: alpha is taken as per cent, and 0.1, the default, means 99.9 %. It draws 100 times,
#   so that this is from the least to the largest draw, and so it is with any alpha from 0
#   to 1: the intervals of 99, 90 and 50 % are the same but for a fiftieth. Of 1,000 images
#   the one of 90 % is 1.3 times as wide as it should be, the one of 50 % 3.1 times. Nothing
#   warns. `get_top_calibration_error_uncertainties` is the same; `bootstrap_uncertainty`,
#   which both call, has alpha=10.0 by default, for "1 - alpha percent".
# What helps: alpha=10 for 90 %.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet uncertainty-calibration==0.1.4 scikit-learn==1.9.1 \
    scipy==1.17.1 numpy==2.4.6 parameterized==0.9.0
cat > run.py <<'PYTHON'
import warnings

import calibration, numpy as np
from scipy.special import softmax

warnings.simplefilter("error")


def network(images, temperature, seed):
    """Probabilities of ten classes that are too sure, and labels."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (images, 10))
    true = softmax(logits / temperature, axis=1)
    labels = (true.cumsum(1) < random.random((images, 1))).sum(1)
    return softmax(logits, axis=1), labels


def error(confidences, right):
    """The expected calibration error in 15 bins of as many images each."""
    order = np.argsort(confidences)
    gaps = np.array_split((confidences - right)[order], 15)
    return sum(abs(gap.sum()) for gap in gaps) / len(confidences)


def by_numpy(probabilities, labels, alpha, draws=2000):
    random = np.random.default_rng(0)
    confidences, right = probabilities.max(1), probabilities.argmax(1) == labels
    drawn = random.integers(0, len(labels), (draws, len(labels)))
    drawn = [error(confidences[images], right[images]) for images in drawn]
    ends = np.quantile(drawn, [1 - alpha / 2, alpha / 2])
    return 2 * error(confidences, right) - ends  # the formula of the package


def by_package(probabilities, labels, alpha):
    np.random.seed(0)
    low, _, high = calibration.get_calibration_error_uncertainties(
        probabilities, labels, p=1, alpha=alpha, mode="top-label"
    )
    return np.array([low, high])


probabilities, labels = network(1000, 2, seed=0)
found = calibration.get_calibration_error(
    probabilities, labels, p=1, debias=False, mode="top-label"
)
expected = error(probabilities.max(1), probabilities.argmax(1) == labels)
print(f"calibration error {found:.3f}, by NumPy {expected:.3f}")
assert abs(found - expected) < 1e-6
widths = {}
for alpha in (0.01, 0.1, 0.5):
    interval = by_package(probabilities, labels, alpha)
    right = by_numpy(probabilities, labels, alpha)
    percent = by_package(probabilities, labels, 100 * alpha)
    widths[alpha] = [float(np.diff(ends)[0]) for ends in (interval, right, percent)]
    print(
        f"alpha={alpha}: {interval.round(3)}, by NumPy {right.round(3)};"
        f" alpha={100 * alpha:g}: {percent.round(3)}"
    )
    print("  widths: {:.4f}, {:.4f}; {:.4f}".format(*widths[alpha]))
assert widths[0.5][0] > 0.97 * widths[0.01][0], "it changed: alpha is of 1"
assert widths[0.1][0] > 1.2 * widths[0.1][1] and widths[0.5][0] > 2.8 * widths[0.5][1]
for alpha in (0.1, 0.5):
    assert 0.8 < widths[alpha][2] / widths[alpha][1] < 1.2
PYTHON
env/bin/python run.py
