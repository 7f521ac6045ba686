#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what AugMix does to the batches of a training.
#
# Guess: AugMix draws the operations of its chains anew for each batch, also in a `map` of
#   tf.data, where it "is safe to use", and within `fit`; with `seed` it draws the same ones
#   each time.
# Seen: it draws them with Python's `random` as the function around it is traced, which is
#   once: all batches of all epochs get the same operations, of which only the strengths
#   are drawn anew. With one chain of one operation a training has one operation, or none.
#   Called outside a graph it draws for each batch. `seed` has no part in it: two layers
#   of one seed change a picture differently, where two RandAugment layers do not. Nothing
#   warns.
# What helps: `run_eagerly=True`, or layers that draw in the graph, as RandAugment does;
#   and `random.seed` beside `seed`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import random

import keras, numpy as np, tensorflow as tf
from keras.layers import AugMix, RandAugment

keras.utils.set_random_seed(0)
pictures = np.random.default_rng(0).uniform(0, 255, (200, 8, 8, 3)).astype("float32")
drawn, choice = [], random.choice


def counted(names):
    drawn.append(choice(names))
    return drawn[-1]


random.choice = counted


def draws(run):
    drawn.clear()
    run()
    return len(drawn)


def trained(eagerly):
    model = keras.Sequential([keras.Input((8, 8, 3)), AugMix(seed=0)])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse", run_eagerly=eagerly, jit_compile=False)
    model.fit(pictures, np.zeros(200), batch_size=20, epochs=2, verbose=0)


def mapped(layer, data):
    batches = tf.data.Dataset.from_tensor_slices(data).batch(10)
    return batches.map(lambda batch: layer(batch, training=True))


layer = AugMix(seed=0)  # 3 chains of 3 operations
count = {
    "called": draws(lambda: [layer(pictures[:10], training=True) for _ in range(20)]),
    "map": draws(lambda: list(mapped(AugMix(seed=0), pictures))),
    "fit": draws(lambda: trained(False)),
    "fit, eagerly": draws(lambda: trained(True)),
}
print("operations drawn for 20 batches:", count)

grey = np.full((400, 8, 8, 3), 100, "float32")  # which a turn or a shift leaves as it is
shares = []
for pipeline in range(8):
    batches = mapped(AugMix(num_chains=1, chain_depth=1), grey)
    changed = [np.abs(batch.numpy() - 100).max() > 0.01 for batch in batches]
    shares.append(float(np.mean(changed)))
    print(f"one operation, {drawn[-1]}: {shares[-1]:.3f} of 40 batches changed")
layer = AugMix(num_chains=1, chain_depth=1)
called = [
    np.abs(np.asarray(layer(grey[:10], training=True)) - 100).max() > 0.01
    for _ in range(99)
]
print(f"called: {np.mean(called):.2f} changed")


def alike(kind):
    first, second = kind(seed=1), kind(seed=1)
    return [
        np.array_equal(*(one(pictures[:2], training=True) for one in (first, second)))
        for _ in range(10)
    ]


same = {kind.__name__: sum(alike(kind)) for kind in (RandAugment, AugMix)}
print("of 10 batches the same in two layers of one seed:", same)
assert count["called"] == count["fit, eagerly"] == 180, "it changed: called"
assert count["map"] == count["fit"] == 9, "it changed: in a graph"
assert all(share < 0.1 or share > 0.9 for share in shares), "it changed: one operation"
assert 0.2 < np.mean(called) < 0.9, "it changed: one operation, called"
assert same["RandAugment"] == 10 and same["AugMix"] < 5, "it changed: `seed`"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python -W ignore run.py 2>/dev/null
