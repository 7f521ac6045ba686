#!/usr/bin/env bash
# probmetrics 1.3.0, torchmetrics 1.9.0, PyTorch 2.13.0: "ece-15" and "kuiper".
#
# Guess: "ece-15" is the "expected calibration error with 15 bins" of the network's answers,
#   whichever classes the test images are of, as accuracy, log loss and Brier score in the
#   same call are. "kuiper", a calibration error too, is near 0 for probabilities that are
#   right, with two classes or ten.
# Seen: for "ece-15", as for "rmsce-15" and "mce-15", classes that none of the images is of
#   are cut out of the answers, and the rest is divided by its sum. A network of ten classes
#   that surely says a third one on 40 % of the images of two classes has an error of 0.37
#   and is told 0.01, as if it were right; its accuracy of 0.455 in the same call counts all
#   classes. "kuiper" takes the number of an image's class for whether it is class 1:
#   probabilities for ten classes that are right are told 4.4, about the mean of these
#   numbers, and for three classes 0.68, which looks like an error. Nothing warns. (The
#   package also needs numba and pandas, which it does not ask pip for.)
# What helps: whether an answer is right as label, 0 or 1, and 1 - confidence and confidence
#   as the probabilities of two classes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet probmetrics==1.3.0 torchmetrics==1.9.0 torch==2.13.0 \
    pytorch-minimize==0.1.0 scikit-learn==1.9.1 scipy==1.17.1 numba==0.68.1 pandas==3.1.1 \
    numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np, torch
from probmetrics.metrics import Metrics

torch.manual_seed(0)
torch.set_num_threads(1)
names = ["ece-15", "kuiper", "accuracy"]
metrics = Metrics.from_names(names)
warnings.simplefilter("error")


def told(labels, probabilities):
    found = metrics.compute_all_from_labels_probs(labels, probabilities)
    return [round(found[name].item(), 3) for name in names]


def own(labels, probabilities):
    """By NumPy, of the most likely class of each image."""
    confidence = probabilities.double().numpy().max(1)
    right = probabilities.numpy().argmax(1) == labels.numpy()
    bins = np.minimum((15 * confidence).astype(int), 14)
    gaps = np.bincount(bins, right, 15) - np.bincount(bins, confidence, 15)
    order = confidence.argsort()
    sums = np.append(0, np.cumsum(right[order] - confidence[order]))
    found = abs(gaps).sum(), sums.max() - sums.min(), right.sum()
    return [round(float(value) / len(right), 3) for value in found]


def two_classes(labels, probabilities):
    confidence, said = probabilities.max(1)
    return (said == labels).long(), torch.stack([1 - confidence, confidence], 1)


def shown(what, labels, probabilities):
    found, expected = told(labels, probabilities), own(labels, probabilities)
    helped = told(*two_classes(labels, probabilities))
    print(f"{what}, {names}:")
    print(f"  told {found}, by NumPy {expected}, as two classes {helped[:2]}")
    assert abs(np.subtract(helped, expected)[:2]).max() < 0.002
    assert abs(found[2] - expected[2]) < 0.002
    return found, expected


for classes, mean in ((10, 4.5), (3, 1)):  # right probabilities, and labels drawn by them
    right = (2 * torch.randn(20_000, classes)).softmax(1)
    labels = torch.multinomial(right, 1)[:, 0]
    found, expected = shown(f"{classes} classes", labels, right)
    assert found[0] == expected[0] < 0.02 and expected[1] < 0.02
    assert abs(found[1] - (mean - 1 / classes)) < 0.1, "it changed"

# Images of the classes 3 and 5. Between these the network is right; on 40 % of the images
# it says class 6 with 0.92.
between = torch.rand(5_000)
labels = torch.where(torch.rand(5_000) < between, 3, 5)
sure = torch.where(torch.arange(5_000) % 5 < 2, 0.92, 0.0)
answers = torch.zeros(5_000, 10)
answers[:, 3], answers[:, 5] = (1 - sure) * between, (1 - sure) * (1 - between)
answers[:, 6] = sure
found, expected = shown("images of two of ten classes", labels, answers)
assert found[0] < 0.05 and expected[0] > 0.3, "it changed"
PYTHON
env/bin/python run.py
