#!/usr/bin/env bash
# MAPIE 1.6.0: the bins of `expected_calibration_error`.
#
# Guess: split_strategy="array split" makes bins of as many images each, by confidence, as
#   "quantile" does nearly; the order in which the images come is no matter. "uniform", the
#   default, has 15 bins for num_bins=15, and each image is in one of them.
# Seen: "array split" cuts the confidences as they come, unsorted, and the largest of each
#   piece is the end of a bin. With images in any usual order these ends all lie near the
#   largest confidence: nearly all images are in one bin, where too sure and too unsure ones
#   make up for each other. A network with an error of 0.17 is told 0.03, and 0.17 where its
#   images are sorted by confidence before. "uniform" has 14 bins for 15, and what lies
#   beyond 1 is in none: in the mean of ten networks' softmax in float32, each divided by
#   ten and added up, sure images have 1.0000001 and are left out. Of these three in ten are
#   told wrong, and the error is 0.00 in place of 0.15. Nothing warns. `top_label_ece` has
#   the same bins.
# What helps: "quantile", or "uniform" with one bin more and `np.clip(confidences, 0, 1)`;
#   for "array split", images sorted by confidence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet mapie==1.6.0 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from mapie.metrics.calibration import expected_calibration_error

warnings.simplefilter("error")
random = np.random.default_rng(0)
BINS = 15


def error(right, confidences, pieces):
    """The calibration error, of numpy: pieces are the images of each bin."""
    gaps = [abs((right[piece] - confidences[piece]).sum()) for piece in pieces]
    return sum(gaps) / len(right)


def equal_width(confidences, bins):
    ends = np.linspace(0, 1, bins + 1)
    return [
        np.flatnonzero((confidences > low) & (confidences <= high))
        for low, high in zip(ends, ends[1:])
    ]


def told(strategy, right, confidences):
    return expected_calibration_error(
        right, confidences, num_bins=BINS, split_strategy=strategy
    )


# Below the median images are 20 % more often right than the network says, above it less.
images = 10_000
confidences = 0.4 + 0.6 * random.beta(5, 1, images)
shares = confidences + np.where(confidences < np.median(confidences), 0.2, -0.2)
right = (random.uniform(0, 1, images) < shares).astype(int)
as_many = error(right, confidences, np.array_split(np.argsort(confidences), BINS))
one_bin = error(right, confidences, [np.arange(images)])
print(f"right: {as_many:.3f}; all images in one bin: {one_bin:.3f}")
orders = {
    "as they come": np.arange(images),
    "shuffled": random.permutation(images),
    "right ones first": np.argsort(-right, kind="stable"),
    "sorted by confidence": np.argsort(confidences),
}
for what, order in orders.items():
    by_strategy = {
        strategy: told(strategy, right[order], confidences[order])
        for strategy in ("array split", "quantile", "uniform")
    }
    print(f"  {what}:", *(f"{one} {value:.3f}" for one, value in by_strategy.items()))
    split, quantile, uniform = by_strategy.values()
    assert abs(quantile - as_many) < 0.02 and uniform > 0.15
    if what == "sorted by confidence":
        assert abs(split - as_many) < 0.002, "it changed"
    else:
        assert abs(split - one_bin) < 0.005, "it changed"
    fewer = error(right, confidences, equal_width(confidences, BINS - 1))
    assert abs(uniform - fewer) < 1e-9, "it changed"

# Ten networks, all sure of half of the images, of which three in ten are told wrong.
networks = np.full((10, images), 0.8, "float32")
networks[:, : images // 2] = 1
mean = sum(network / np.float32(10) for network in networks)
right = (np.arange(images) % 10 < 8).astype(int)
right[: images // 2] = np.arange(images // 2) % 10 < 7
clipped = np.clip(mean, 0, 1)
found, better = told("uniform", right, mean), told("uniform", right, clipped)
expected = error(right, clipped, [np.arange(images // 2), np.arange(images // 2, images)])
print(f"a mean of {mean[0]:.7f}: uniform {found:.3f}, clipped {better:.3f}, ", end="")
print(f"right {expected:.3f}")
assert mean.dtype == np.float32 and mean[0] > 1
assert found < 0.001 and abs(better - 0.15) < 0.001 and abs(expected - 0.15) < 0.001
PYTHON
env/bin/python run.py
