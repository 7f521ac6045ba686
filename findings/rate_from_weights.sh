#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `load_weights` and the optimizer of a compiled model.
#
# Guess: `model.load_weights("best.weights.h5")` loads the weights of the model. The
#   optimizer, its learning rate above all, stays as it is.
# Seen: `save_weights` of a trained model writes the optimizer too, and `load_weights`
#   reads it: moments, steps, and the learning rate, over the one that was set since, by
#   hand or by ReduceLROnPlateau. It does so if the optimizer has its variables, after a
#   step or `load_model`; after `compile` alone it warns and leaves it. Another kind of
#   optimizer with as many variables is filled as well: SGD's momenta become RMSprop's
#   mean squares, and where they are negative the next step makes the weights NaN.
#   Nothing warns.
# What helps: set the learning rate after `load_weights`, or compile after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np
from keras.optimizers import SGD, Adam, RMSprop

x, y = np.ones((64, 4), "float32"), np.full((64, 1), -1.0, "float32")


def compiled(optimizer, epochs):
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(optimizer, "mse", jit_compile=False)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


def loaded(model, name):
    """The learning rate, warnings, and whether a further step gives numbers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(name)
    rate = round(float(model.optimizer.learning_rate), 4)
    model.train_on_batch(x, y)
    return rate, len(caught), bool(np.isfinite(model.get_weights()[0]).all())


first = compiled(Adam(0.01), 3)
first.save("adam.keras")
first.save_weights("adam.weights.h5")
compiled(SGD(0.01, momentum=0.9), 3).save_weights("sgd.weights.h5")

whole = keras.models.load_model("adam.keras")
whole.optimizer.learning_rate = 0.0001
found = {
    "compiled with rate 0.0001": loaded(compiled(Adam(0.0001), 0), "adam.weights.h5"),
    "and trained": loaded(compiled(Adam(0.0001), 1), "adam.weights.h5"),
    "load_model, rate set to 0.0001": loaded(whole, "adam.weights.h5"),
    "RMSprop, and SGD's file": loaded(compiled(RMSprop(0.0001), 1), "sgd.weights.h5"),
}
for name, (rate, warned, finite) in found.items():
    print(f"{name}: rate {rate}, {warned} warnings, weights are finite: {finite}")
assert list(found.values()) == [
    (0.0001, 1, True),
    (0.01, 0, True),
    (0.01, 0, True),
    (0.01, 0, False),
], "it changed: what load_weights does with the optimizer"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
