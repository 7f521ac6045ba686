#!/usr/bin/env bash
# torchdistill 1.1.5, PyTorch 2.13.0: how much a teacher counts in KDLoss, LogitStdKDLoss
# and SPKDLoss.
#
# Guess: KDLoss is alpha * CE + beta * T**2 * KL with beta = 1 - alpha if none is given, "a
#   standard knowledge distillation": at alpha=0, or where there are no labels, it is the
#   latter part. SPKDLoss compares, of student and teacher, how alike the images of a batch
#   are, in rows of length 1 (L2) as in the paper: its usual weight of 3,000 carries over.
# Seen: at alpha=0, and without labels, KDLoss is KL alone: the temperature squared and
#   `beta` are left out. At T=4 alpha=0.001 gives 8.2 and alpha=0 gives 0.51, a sixteenth,
#   and with beta=9 a 144th of what is right. LogitStdKDLoss does the same.
#   SPKDLoss has rows whose absolute values add up to 1 (L1), since the 1 that is meant as
#   the axis is taken for the norm: of 128 images the loss is a 120th of what it should be,
#   of 16 a 12th: it depends on the batch. Nothing warns.
# What helps: labels and an alpha of 1e-9; for SPKDLoss about the weight times the batch's
#   size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
# The losses import torch alone; the rest of the package would want torchvision and more.
env/bin/pip install --quiet --no-deps torchdistill==1.1.5
cat > run.py <<'PYTHON'
import warnings

import numpy as np, torch
from torchdistill.losses.mid_level import KDLoss, LogitStdKDLoss, SPKDLoss

warnings.simplefilter("error")
torch.manual_seed(0)
torch.set_num_threads(1)
T = 4.0
student, teacher = 3 * torch.randn(2, 64, 10)
labels = torch.randint(10, (64,))
PLACES = dict.fromkeys(("student_module_path", "teacher_module_path"), ".")
PLACES |= dict.fromkeys(("student_module_io", "teacher_module_io"), "output")


def seen(value):
    return {".": {"output": value}}


def log_softmax(logits):
    logits = logits - logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def right(alpha, beta, standardized=False):
    """By NumPy, in float64."""
    own, wanted = (v.double().numpy() for v in (student, teacher))
    hard = -log_softmax(own)[np.arange(64), labels.numpy()].mean()
    if standardized:
        own, wanted = (
            (v - v.mean(1, keepdims=True)) / v.std(1, ddof=1, keepdims=True)
            for v in (own, wanted)
        )
    own, wanted = log_softmax(own / T), log_softmax(wanted / T)
    soft = (np.exp(wanted) * (wanted - own)).sum(1).mean()
    return alpha * hard + (1 - alpha if beta is None else beta) * T**2 * soft


for Loss in (KDLoss, LogitStdKDLoss):
    print(f"{Loss.__name__} at T={T:.0f}:")
    for alpha, beta, given, times in (
        (0.5, None, labels, 1),
        (0.001, None, labels, 1),
        (0, None, labels, 16),
        (0.001, 9, labels, 1),
        (0, 9, labels, 144),
        (0, 9, None, 144),
    ):
        loss = Loss(temperature=T, alpha=alpha, beta=beta, **PLACES)
        found = loss(seen(student), seen(teacher), given).item()
        wanted = right(alpha, beta, Loss is LogitStdKDLoss)
        what = "no labels" if given is None else "labels"
        print(f"  alpha={alpha}, beta={beta}, {what}: {found:.3f}, right is {wanted:.3f}")
        assert abs(found * times / wanted - 1) < 1e-3, "it changed"


def alike(features, order):
    table = features.double().numpy()
    table = table @ table.T
    return table / np.linalg.norm(table, ord=order, axis=1, keepdims=True)


print("SPKDLoss, and by NumPy with rows of L2 and L1:")
loss = SPKDLoss("features", "features", reduction="batchmean")
for size in (16, 128):
    both = torch.randn(2, size, 256).relu()
    own, wanted = ({"features": {"output": features}} for features in both)
    found = loss(own, wanted).item()
    l2, l1 = (
        ((alike(both[0], order) - alike(both[1], order)) ** 2).sum() / size**2
        for order in (2, 1)
    )
    times = l2 / found
    print(f"  {size} images: {found:.2e}, L2 {l2:.2e} ({times:.0f} times), L1 {l1:.2e}")
    assert abs(found / l1 - 1) < 1e-3 and times > size / 2, "it changed"
PYTHON
env/bin/python run.py
