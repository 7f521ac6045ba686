#!/usr/bin/env bash
# torchmetrics 1.9.0, PyTorch 2.13.0: the calibration error of averaged probabilities.
#
# Guess: `MulticlassCalibrationError` takes probabilities as they are, and puts logits
#   through softmax ("auto apply softmax per sample"). What ten networks' softmax say, each
#   divided by ten and added up, are probabilities.
# Seen: one number above 1 makes its whole batch logits. Ten times a tenth is 1.0000001 in
#   float32: where the ten are sure of one image, all images of its batch get a second
#   softmax, and an error of 0.028 becomes 0.48; in small batches, some of which have no
#   such image, 0.20. AUROC moves too. So it is with 11, 14, 18 and 20 networks, and may be
#   with weights of one's own. `np.mean`, and float64, stay at 1 here. Nothing warns.
# What helps: `np.clip(probabilities, 0, 1)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torchmetrics==1.9.0 torch==2.13.0 scipy==1.17.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import numpy as np, torch
from scipy.special import softmax
from torchmetrics.classification import MulticlassAUROC, MulticlassCalibrationError

above_one = [n for n in range(2, 21) if sum([np.float32(1) / np.float32(n)] * n) > 1]
random = np.random.default_rng(0)
classes, count, networks = 10, 2000, 10
true = random.normal(0, 1, (count, classes)) * random.exponential(6, (count, 1))
labels = np.array([random.choice(classes, p=row) for row in softmax(true, axis=1)])
members = [true + random.normal(0, 0.3, true.shape) for _ in range(networks)]
members = [softmax(one, axis=1).astype("float32") for one in members]


def measured(kind, probabilities, size=count):
    metric = kind(num_classes=classes)
    for start in range(0, count, size):
        given = torch.from_numpy(probabilities[start : start + size])
        metric.update(given, torch.from_numpy(labels[start : start + size]))
    return metric.compute().item()


summed = sum(one / networks for one in members)
ways = {
    "added up": summed,
    "np.mean": np.mean(members, axis=0),
    "clipped": np.clip(summed, 0, 1),
    "float64": sum(one.astype("float64") / networks for one in members),
}
found = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for way, one in ways.items():
        sizes = [measured(MulticlassCalibrationError, one, size) for size in (count, 20)]
        area, above = measured(MulticlassAUROC, one), int((one > 1).any(axis=1).sum())
        found[way] = *sizes, area, above
        print(f"{way}: {above} images of {count} above 1, {one.max() - 1:.1g} at most;")
        print(f"  calibration error {sizes[0]:.4f}, in batches of 20 {sizes[1]:.4f}")
        print(f"  AUROC {area:.4f}")
said = [str(one.message) for one in caught if "softmax" in str(one.message).lower()]
print("ones add up to more for", above_one, "networks; said:", said)
whole, small, area, above = found["added up"]
assert summed.dtype == np.float32 and 0 < above < count / 10, "it changed: the sums"
assert whole > 0.4 and 0.1 < small < whole - 0.1, "it changed: the error"
for way in ("np.mean", "clipped", "float64"):
    *errors, right, above = found[way]
    assert above == 0 and max(errors) < 0.05, f"it changed: {way}"
    assert abs(right - area) > 5e-4, "it changed: AUROC"
assert above_one == [10, 11, 14, 18, 20] and not said, "it changed: the sums, or it warns"
PYTHON
env/bin/python run.py
