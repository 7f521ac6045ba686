#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: top-k accuracy of a network that is too sure, or dead.
#
# Guess: `SparseTopKCategoricalAccuracy(k)` is the same of logits and of their softmax, as
#   the order of the classes is; of a network that answers the same on everything it is k /
#   classes; and with k=1 it is `SparseCategoricalAccuracy`.
# Seen: a class counts as right where fewer than k are strictly above it. The softmax of
#   logits far apart has zeros, which tie: of 5,000 random answers the top-2 accuracy of the
#   logits is 21 %, of their softmax 37 %, in float16 of logits a fifth as far 38 %. Logits
#   near one another tie in bfloat16: 35 %. Of a network whose last layer has died it is
#   100 % with any k, where SparseCategoricalAccuracy says 10 %. `TopKCategoricalAccuracy`
#   is the same.
# What helps: logits in float32 in place of probabilities, as the networks here return.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf

random = np.random.default_rng(0)
labels = random.integers(10, size=5000)
# Of networks that have learnt nothing of these labels: each answer is right by chance.
sure = random.normal(0, 100, (5000, 10)).astype("float32")
half = random.normal(0, 20, (5000, 10)).astype("float16")
near = (8 + random.normal(0, 0.05, (5000, 10))).astype("float32")
dead = np.zeros((5000, 10), "float32")


def percent(metric, scores, labels=labels):
    metric.update_state(labels, scores)
    return 100 * float(metric.result())


def top(k, scores):
    scores = tf.cast(scores, tf.float32)  # TensorFlow's operation takes no other
    sparse = percent(keras.metrics.SparseTopKCategoricalAccuracy(k), scores)
    rows = np.eye(10, dtype="float32")[labels]
    assert percent(keras.metrics.TopKCategoricalAccuracy(k), scores, rows) == sparse
    return sparse


def shown(what, found, expected):
    print(f"  {what}: {found:.1f} %")
    assert abs(found - expected) < 2, "it changed"


print("top-2 accuracy of 5,000 random answers, ten classes, so that 20 % are right:")
shown("logits far apart", top(2, sure), 20)
shown("their softmax", top(2, keras.ops.softmax(sure)), 37)
shown("logits of float16, a fifth as far", top(2, half), 20)
shown("their softmax", top(2, keras.ops.softmax(half)), 37.5)
shown("logits near one another", top(2, near), 20)
shown("the same in bfloat16", top(2, tf.cast(near, tf.bfloat16)), 34.5)
print("of a network that answers zeros:")
shown("top-1", top(1, dead), 100)
shown("top-5", top(5, dead), 100)
shown("accuracy", percent(keras.metrics.SparseCategoricalAccuracy(), dead), 10)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
