#!/usr/bin/env bash
# TensorFlow Probability 0.25.0: `tfp.stats.brier_score` of several networks at once.
#
# Guess: logits are "(N1, ..., Nk, num_classes)", labels "(N1, ..., Nk)", so that those of
#   five networks may be stacked: each image of each network gets the score that it has when
#   the networks are handed over one by one.
# Seen: softmax goes along the second axis, which is that of the classes for one network
#   alone. Stacked as (networks, images, classes) it goes over the images: five networks
#   with scores of 0.32 to 0.41 are told -0.01 to 0.02. What an image is told depends on the
#   others of its batch: in batches of ten the means are 0.33 to 0.38, near what they should
#   be and in another order; alone in a batch an image is told 8.0, whatever its logits are.
#   As (images, networks, classes) it goes over the networks. Nothing warns. (Seen with the
#   NumPy backend, which is quick to install, and with TensorFlow's.)
# What helps: one network at a time, or `logits.reshape(-1, classes)` with as many labels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet absl-py==2.5.1 cloudpickle==3.1.3 decorator==5.3.1 \
    dm-tree==0.1.10 gast==0.7.0 six==1.17.0 numpy==2.4.6 scipy==1.17.1
env/bin/pip install --quiet --no-deps tensorflow-probability==0.25.0
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from tensorflow_probability.substrates import numpy as tfp

warnings.simplefilter("error")
networks, count, classes = 5, 100, 10
random = np.random.default_rng(0)
logits = (3 * random.normal(size=(networks, count, classes))).astype("float32")
labels = np.tile(random.integers(0, classes, count).astype("int32"), (networks, 1))


def score(labels, logits):
    return np.asarray(tfp.stats.brier_score(labels, logits))


def formula(labels, logits):
    p = np.exp(logits.astype("float64"))
    p /= p.sum(-1, keepdims=True)
    return (p**2).sum(-1) - 2 * np.take_along_axis(p, labels[..., None], -1)[..., 0]


def shown(what, scores):
    print(f"{what}:", *(f"{x:.3f}" for x in scores))
    return np.array(scores)


right = shown("the formula, each network", formula(labels, logits).mean(1))
alone = shown("one by one", [score(*pair).mean() for pair in zip(labels, logits)])
flat = score(labels.ravel(), logits.reshape(-1, classes)).reshape(labels.shape)
flat = shown("in one row", flat.mean(1))
stacked = shown("(networks, images, classes)", score(labels, logits).mean(1))
last = score(labels.T, logits.transpose(1, 0, 2))
last = shown("(images, networks, classes)", last.mean(0))
batches = [score(labels[:, i : i + 10], logits[:, i : i + 10]) for i in range(0, count, 10)]
batches = shown("networks first, batches of 10", np.mean(batches, axis=(0, 2)))
single = score(labels[:, :1], logits[:, :1]).ravel()
shown("networks first, one image", single)
assert np.allclose(alone, right, atol=1e-5) and np.allclose(flat, right, atol=1e-5)
assert right.min() > 0.3 and np.abs(stacked).max() < 0.03, "it changed"
assert np.abs(last - right).min() > 0.1, "it changed"
assert 0.3 < batches.min() and batches.max() < 0.4, "it changed"
assert list(batches.argsort()) != list(right.argsort()), "it changed"
assert np.allclose(single, classes - 2), "it changed"
PYTHON
env/bin/python run.py
