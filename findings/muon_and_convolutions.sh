#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what `Muon` does in a convolutional network.
#
# Guess: Muon makes the updates of hidden layers orthogonal, those of convolutions too: its
#   author's runs on CIFAR-10 flatten their kernels to matrices. The last layer, biases and
#   scales go to AdamW.
# Seen: it is the other way round. Each kernel of a convolution goes to AdamW, since it has
#   four dimensions ("this is not configurable"): its step is AdamW's. The classifier's
#   kernel, which the documentation tells to leave out, is the only matrix here, and the
#   only one that Muon steps: singular values are alike where AdamW's step has but one
#   direction. With `exclude_layers` as advised nothing of Muon is left: three epochs end
#   with AdamW's weights, to the bit. Nothing warns.
# What helps: AdamW; Muon where hidden layers are `Dense`, with the last in
#   `exclude_layers`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np
from keras import layers
from keras.optimizers import AdamW, Muon

random = np.random.default_rng(0)
x = random.normal(size=(256, 8, 8, 3)).astype("float32")
y = random.integers(0, 10, 256)


def trained(optimizer, epochs):
    """The kernels before and after."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for filters in (16, 32):
        model.add(layers.Conv2D(filters, 3, use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, name="classifier"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    before = model.get_weights()
    model.fit(x, y, batch_size=256 if epochs == 1 else 32, epochs=epochs, verbose=0)
    return before, model.get_weights()


def evenness(optimizer):
    """Of the first step of each kernel: the middle singular value by the largest."""
    before, after = trained(optimizer, 1)
    steps = [b - a for a, b in zip(before, after) if a.ndim > 1]
    steps = [step.reshape(-1, step.shape[-1]) for step in steps]
    singular = [np.linalg.svd(step, compute_uv=False) for step in steps]
    return [round(float(np.median(one) / one.max()), 2) for one in singular]


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    muon = evenness(Muon(0.001, weight_decay=0, adam_weight_decay=0))
said = [str(one.message) for one in caught if "uon" in str(one.message)]
adam = evenness(AdamW(0.001, weight_decay=0))
print("middle by largest singular value of a step: two convolutions, the classifier")
print("  Muon", muon)
print("  AdamW", adam)
_, advised = trained(Muon(0.001, exclude_layers=["classifier"]), 3)
_, plain = trained(AdamW(0.001, weight_decay=0.004), 3)
same = all((a == b).all() for a, b in zip(advised, plain))
print("with exclude_layers the weights are AdamW's, to the bit:", same)
assert muon[:2] == adam[:2] and max(muon[:2]) < 0.65, "it changed: the convolutions"
assert muon[2] > 0.7 and adam[2] < 0.5, "it changed: the classifier"
assert same and not said, "it changed: exclude_layers, or it warns"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
