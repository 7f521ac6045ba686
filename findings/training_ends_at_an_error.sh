#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `fit` and `evaluate` where a step itself meets the end of
# something else.
#
# Guess: an error that TensorFlow raises within `train_step` or `test_step` ends `fit` and
#   `evaluate` with that error, as any other does; the end of the data is the end of what
#   `fit` was given.
# Seen: every OutOfRangeError is taken for the end of the data, wherever it was raised. A
#   step that draws its images without labels from an iterator of its own, which comes to
#   its end after 3 steps, takes 3 of 100 steps: the epoch ends there, and the other nine
#   take none, and have a loss of 0. `fit` returns a history of ten epochs, and callbacks,
#   such as one that keeps the best, hear of ten. `evaluate` that meets it at once returns
#   no loss, and raises nothing. There is a warning, that "your input ran out of data",
#   which had plenty.
# What helps: `repeat()` for iterators that a step has; to count the steps of an epoch, and
#   to believe no loss without any.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np, tensorflow as tf

random = np.random.default_rng(0)
images = random.normal(size=(320, 8)).astype("float32")
labels = random.integers(0, 3, 320)
given = tf.data.Dataset.from_tensor_slices((images, labels)).batch(32)


class Network(keras.Sequential):
    """Each step also draws a batch without labels, from an iterator of its own."""

    def __init__(self, batches):
        super().__init__([keras.layers.Dense(3)])
        further = tf.data.Dataset.from_tensor_slices(images).batch(32).repeat()
        self.further = iter(further.take(batches))

    def train_step(self, data):
        with tf.control_dependencies([next(self.further)]):
            return super().train_step(data)

    def test_step(self, data):
        with tf.control_dependencies([next(self.further)]):
            return super().test_step(data)


def made(batches):
    network = Network(batches)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("sgd", loss, metrics=["accuracy"])
    return network


heard = []
hear = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(epoch))
for batches, taken in ((1000, 100), (3, 3)):
    network = made(batches)
    heard.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = network.fit(given, epochs=10, verbose=0, callbacks=[hear]).history
    steps = int(network.optimizer.iterations)
    losses = history["loss"]
    print(f"{batches} batches without labels: {steps} steps, {len(losses)} epochs")
    print("  losses:", np.round(losses, 2))
    print("  warned:", {str(w.message)[:27] for w in said if "input" in str(w.message)})
    assert (steps, len(losses), len(heard)) == (taken, 10, 10), "it changed"
    assert (max(losses[1:]) == 0) == (batches == 3), "it changed"
network = made(0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    found = network.evaluate(given, verbose=0, return_dict=True)
print("evaluate, where no step is taken:", found)
assert not found, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>error.txt || { cat error.txt; exit 1; }
