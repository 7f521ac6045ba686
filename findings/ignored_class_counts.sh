#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `ignore_class` of a loss and of its metric.
#
# Guess: `keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)` and
#   `keras.metrics.SparseCategoricalCrossentropy(ignore_class=-1)`, with the same arguments
#   and images, say the same: the mean over the images that have a label.
# Seen: the loss does. The metric adds up the same images, and divides by all: where one
#   image in four has a label it shows a quarter. `weighted_metrics` do so too, and
#   accuracy, weighted or not, counts an image without a label as wrong. Nothing warns.
#   (Shown on one batch: of several, the loss that is shown is the mean of their means.)
# What helps: give images without labels any class, and 0 as `sample_weight`; metrics
#   that are handed over as `weighted_metrics` are then means over the others. The loss is
#   divided by all: weights of all / labelled in place of 1 make up for it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras
import numpy as np

logits = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
labels = np.where(np.arange(64) % 4, -1, np.arange(64) // 4 % 3)
has = labels >= 0
given, known = logits[has].astype(float), labels[has]
costs = np.log(np.exp(given).sum(axis=1)) - given[np.arange(len(known)), known]
correct = (given.argmax(axis=1) == known).mean()

settings = {"from_logits": True, "ignore_class": -1}
metric = keras.metrics.SparseCategoricalCrossentropy
model = keras.Sequential([keras.Input([3]), keras.layers.Activation("linear")])
model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(**settings),
    metrics=[metric(name="metric", **settings), "accuracy"],
    weighted_metrics=[
        metric(name="weighted", **settings),
        keras.metrics.SparseCategoricalAccuracy(name="weighted_accuracy"),
    ],
)
options = {"batch_size": 64, "verbose": 0, "return_dict": True}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    ignored = model.evaluate(logits, labels, **options)
said = [str(one.message) for one in said if "__array__" not in str(one.message)]
weights = has.astype("float32")
weighted = model.evaluate(logits, labels * has, sample_weight=weights, **options)

print(f"of 64 images {has.sum()} with a label: mean {costs.mean():.4f}, {correct:.4f}")
print("ignored ", {name: round(value, 4) for name, value in ignored.items()}, said)
print("weighted", {name: round(value, 4) for name, value in weighted.items()})


def shows(found, **wanted):
    return all(np.isclose(found[name], value) for name, value in wanted.items())


quarter = {"metric": costs.mean() / 4, "weighted": costs.mean() / 4}
wrong = {"accuracy": correct / 4, "weighted_accuracy": correct / 4}
right = {"weighted": costs.mean(), "weighted_accuracy": correct}
assert shows(ignored, loss=costs.mean(), **quarter, **wrong), "it changed"
assert shows(weighted, loss=costs.mean() / 4, **right), "it changed"
assert not said, "it warns now"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
