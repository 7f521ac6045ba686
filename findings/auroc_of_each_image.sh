#!/usr/bin/env bash
# torcheval 0.0.7, PyTorch 2.13.0: `multiclass_binned_auroc` and MulticlassBinnedAUROC.
#
# Guess: average="macro" is the mean over the classes of the area under each class's ROC
#   curve, average=None gives "the metric for every class"; with many thresholds it comes
#   near `multiclass_auroc` of the same package, which is right.
# Seen: counts are added up over the classes where they should be over the images. There
#   comes a number for each image, 600 of them for ten classes: the share of the other
#   classes that its right class is above. A network that answers the same on everything
#   has an area of 0.5; where four images in five are of class 0 it is told 0.94 if that is
#   first in its answer, 0.06 if last. One whose scores are high for some images and low for
#   others has 0.61 and is told 1.0; a usual one has 0.95 and is told 0.93. The
#   documentation's own example has five numbers for three classes, of five images. Nothing
#   warns. `binary_binned_auroc` and `multiclass_binned_auprc` are right.
# What helps: `multiclass_auroc`; or `binary_binned_auroc(scores.T, one_hot.T,
#   num_tasks=classes)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torcheval==0.0.7 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np, torch
from torcheval.metrics import MulticlassBinnedAUROC
from torcheval.metrics.functional import (
    binary_binned_auroc,
    multiclass_auroc,
    multiclass_binned_auroc,
)

warnings.filterwarnings("ignore", category=DeprecationWarning)  # torch.jit.script
random = np.random.default_rng(0)
CLASSES, IMAGES = 10, 600
SETTINGS = {"num_classes": CLASSES, "threshold": 2001}


def of_images(scores, labels):
    """The share of the other classes that an image's right class is above; ties half."""
    own = scores[np.arange(IMAGES), labels][:, None]
    return ((own > scores).sum(1) + ((own == scores).sum(1) - 1) / 2) / (CLASSES - 1)


def of_class(scores, which):
    """The share of pairs of an image of the class and another that are in order."""
    own, other = scores[which][:, None], scores[~which]
    return ((own > other) + 0.5 * (own == other)).mean()


def areas(what, scores, labels):
    tensor, target = torch.tensor(scores), torch.tensor(labels)
    one_hot = np.eye(CLASSES, dtype="int64")[labels]
    each, _ = multiclass_binned_auroc(tensor, target, average=None, **SETTINGS)
    told, _ = multiclass_binned_auroc(tensor, target, **SETTINGS)
    metric = MulticlassBinnedAUROC(**SETTINGS)
    for batch in range(0, IMAGES, 100):
        metric.update(tensor[batch : batch + 100], target[batch : batch + 100])
    binary, _ = binary_binned_auroc(
        tensor.T, torch.tensor(one_hot.T), num_tasks=CLASSES, threshold=2001
    )
    right = np.mean([of_class(scores[:, c], labels == c) for c in range(CLASSES)])
    exact = multiclass_auroc(tensor, target, num_classes=CLASSES)
    print(f"  {what}: told {told:.2f}, the mean of {len(each)}; right {right:.2f}")
    assert len(each) == IMAGES and abs(metric.compute()[0] - told) < 1e-6, "it changed"
    assert abs(told - of_images(scores, labels).mean()) < 0.01, "it changed"
    assert abs(exact - right) < 1e-6 and abs(binary.mean() - right) < 0.01
    return float(told), right


print(f"the mean area of {CLASSES} classes:")
labels = np.arange(IMAGES) % CLASSES
right_class = np.eye(CLASSES)[labels]
logits = random.normal(0, 1, (IMAGES, CLASSES)) + 2 * right_class
softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
told, right = areas("a usual network's softmax", softmax, labels)
assert right - told > 0.02, "it changed"
level = random.uniform(0, 0.9, (IMAGES, 1))  # sigmoids, all high or all low by the image
told, right = areas("high and low images", level + 0.1 * right_class, labels)
assert told > 0.99 and right < 0.7, "it changed"

labels = np.where(np.arange(IMAGES) % 5, 0, labels)  # four in five are of class 0
labels[:CLASSES] = np.arange(CLASSES)
same = np.tile(np.linspace(0.95, 0.05, CLASSES), (IMAGES, 1))
told, right = areas("the same answer, class 0 first", same, labels)
assert told > 0.85 and right == 0.5, "it changed"
told, right = areas("the same answer, class 0 last", same[:, ::-1].copy(), labels)
assert told < 0.15 and right == 0.5, "it changed"
PYTHON
env/bin/python run.py
