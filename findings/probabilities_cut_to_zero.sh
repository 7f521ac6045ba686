#!/usr/bin/env bash
# mlxtend 0.25.0, Keras 3.15.1, TensorFlow 2.21.0: `bias_variance_decomp` of a network.
#
# Guess: it "supports Keras models": for loss="0-1_loss" a network that ends in a sigmoid
#   says the second class from 0.5 on. "The original model is reset in each round": each
#   sample of the training images is learnt by a network that begins as a new one does.
# Seen: the probabilities are put into an array of integers, which makes 0 of all below 1:
#   every network says the first class for every image. Loss and bias are the second
#   class's share, the variance is 0: 0.395, 0.395 and 0 where 0.13, 0.12 and 0.07 are
#   right. And what is reset are the weights of layers with kernel and bias. The optimizer
#   goes on, so that a schedule of the rate is at its end after the first round, and all
#   others learn nothing: a mean squared error of 0.24 in place of 0.09. The moments of a
#   batch normalization go on too. Nothing warns.
# What helps: an object whose `fit` makes a new network and whose `predict` gives classes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet mlxtend==0.25.0 keras==3.15.1 tensorflow==2.21.0 \
    scikit-learn==1.9.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import contextlib, io, warnings

import keras, numpy as np
from keras import layers
from mlxtend.evaluate import bias_variance_decomp

warnings.simplefilter("error")
ROUNDS, EPOCHS, BATCHES = 5, 10, 7
random = np.random.default_rng(0)
features = random.normal(size=(400, 8)).astype("float32")
labels = (features[:, 0] + features[:, 1] + 0.5 * random.normal(size=400) > 0.3).astype(int)
data = features[:200], labels[:200], features[200:], labels[200:]


def network(rate=0.01, normalized=False):
    middle = [layers.Dense(16, "relu")] + [layers.BatchNormalization()] * normalized
    output = layers.Dense(1, "sigmoid")
    model = keras.Sequential([keras.Input((8,)), *middle, output])
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", jit_compile=False)
    return model


class New:
    """A new network for each round."""

    def __init__(self, make, classes):
        self.make, self.classes = make, classes

    def fit(self, features, labels, **settings):
        self.network = self.make()
        self.network.fit(features, labels, **settings)
        return self

    def predict(self, features):
        said = self.network.predict(features, verbose=0)[:, 0]
        return (said > 0.5).astype(int) if self.classes else said


def decomposed(model, loss, **settings):
    settings.update(loss=loss, num_rounds=ROUNDS, random_seed=0, epochs=EPOCHS, verbose=0)
    with contextlib.redirect_stdout(io.StringIO()):  # `predict` draws its progress
        found = bias_variance_decomp(model, *data, **settings)
    return [round(float(number), 3) for number in found]


keras.utils.set_random_seed(0)
print("loss, bias and variance, 0-1:")
found = decomposed(network(), "0-1_loss")
right = decomposed(New(network, True), "0-1_loss")
share = round(float(data[3].mean()), 3)
print(f"  Keras's network {found}, new networks {right}, second class {share}")
assert found == [share, share, 0] and right[0] < 0.2 and right[2] > 0, "it changed"


def falling():
    schedule = keras.optimizers.schedules.CosineDecay(0.03, EPOCHS * BATCHES)
    return network(schedule)


print("mean squared, with a rate that falls to 0 in a round:")
found, right = decomposed(falling(), "mse"), decomposed(New(falling, False), "mse")
print(f"  Keras's network {found}, new networks {right}")
assert found[0] > 1.5 * right[0], "it changed"


class Begins(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        dense, norm = self.model.layers[:2]
        moment = np.abs(norm.get_weights()[2]).max()
        steps = int(self.model.optimizer.iterations.numpy())
        self.seen.append((dense.get_weights()[0][0, 0], steps, moment))


begins = Begins()
decomposed(network(normalized=True), "mse", callbacks=[begins])
print("at the beginning of each round:")
for first, steps, moment in begins.seen:
    print(f"  a weight {first:.3f}, steps {steps}, largest moving mean {moment:.2f}")
firsts, steps, moments = zip(*begins.seen)
assert len(set(firsts[1:])) == 1  # Keras's initializers repeat themselves
assert list(steps) == [BATCHES * EPOCHS * i for i in range(ROUNDS)], "it changed"
assert moments[0] == 0 and min(moments[1:]) > 0.1, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
