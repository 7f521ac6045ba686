#!/usr/bin/env bash
# aws-fortuna 0.2.0, JAX 0.4.38: `maximum_calibration_error`.
#
# Guess: `maximum_calibration_error(preds, probs, targets)` is, as in the paper that it
#   names (Naeini and others), the largest gap between confidence and accuracy that a bin
#   has: a number from 0 to 1, never below the expected calibration error, and the same
#   where all images come twice.
# Seen: each gap is multiplied by the number of images in its bin. A network that is off by
#   0.4 on a tenth of 1,000 images, and right on the others, is told 40, and 80 where each
#   comes twice. One that is off by 0.06 on all of them is told 60, as if it were worse.
#   Divided by the number of images it is still never above the expected calibration error,
#   which is right. Nothing warns.
# What helps: `compute_counts_confs_accs`, and the largest gap of the bins with images.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet jax==0.4.38 jaxlib==0.4.38 numpy==1.26.4 scipy==1.15.3
# The metric needs JAX alone; the package would want TensorFlow, Flax and Matplotlib.
env/bin/pip install --quiet --no-deps aws-fortuna==0.2.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import numpy as np

warnings.simplefilter("error")
home = importlib.util.find_spec("fortuna").submodule_search_locations[0]
for name, part in (  # what the metric's module takes from others: for plots, and for types
    ("fortuna", None),
    ("fortuna.data", None),
    ("fortuna.data.loader", "TargetsLoader"),
    ("fortuna.plot", "plot_reliability_diagram"),
    ("fortuna.typing", "Array"),
):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [home + name.removeprefix("fortuna").replace(".", "/")]
    if part:
        setattr(module, part, type(part, (), {}))
from fortuna.metric.classification import (
    compute_counts_confs_accs,
    expected_calibration_error,
    maximum_calibration_error,
)


def network(groups):
    """Answers with given confidences, of which given shares are right, of ten classes."""
    confidences = np.concatenate([np.full(n, sure) for n, sure, _ in groups])
    right = np.concatenate([np.arange(n) < round(n * share) for n, _, share in groups])
    probs = np.repeat(((1 - confidences) / 9)[:, None], 10, axis=1)
    probs[:, 0] = confidences
    return np.zeros(len(probs), int), probs, np.where(right, 0, 1)


def by_numpy(preds, probs, targets):
    """The largest gap of ten bins, and the mean gap."""
    sure, right = probs.max(1), preds == targets
    bins = np.ceil(sure * 10).astype(int)
    gaps = [(np.mean(bins == b), sure[bins == b].mean() - right[bins == b].mean())
            for b in np.unique(bins)]
    return max(abs(gap) for _, gap in gaps), sum(share * abs(gap) for share, gap in gaps)


one_bin = network([(100, 0.95, 0.55), (900, 0.65, 0.65)])
all_bins = network([(1000, 0.95, 0.89)])
twice = [np.concatenate([part, part]) for part in one_bin]
print("maximum calibration error, by NumPy; expected calibration error, by NumPy:")
told = {}
for name, answers in (
    ("a tenth off by 0.4", one_bin),
    ("the same images twice", twice),
    ("all off by 0.06", all_bins),
):
    told[name] = float(maximum_calibration_error(*answers))
    expected = float(expected_calibration_error(*answers))
    largest, mean = by_numpy(*answers)
    print(f"  {name}: {told[name]:.2f}, {largest:.2f}; {expected:.3f}, {mean:.3f}")
    assert abs(expected - mean) < 1e-3
    assert told[name] > 10 * largest, "it changed"
    assert told[name] / len(answers[0]) <= expected + 1e-6
    counts, confs, accs = map(np.asarray, compute_counts_confs_accs(*answers))
    helped = np.abs(confs - accs)[counts > 0].max()
    assert abs(helped - largest) < 1e-3
for name, number in zip(told, (40, 80, 60)):
    assert abs(told[name] - number) < 0.1, "it changed"
PYTHON
env/bin/python run.py
