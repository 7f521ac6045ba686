#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what is random in a network that goes on from a file.
#
# Guess: the state of a Dropout's or RandomTranslation's seed generator is among
#   `model.variables`, beside the moments of a batch normalization. So it is among what
#   `save`, `save_weights` and BackupAndRestore write, and a run that was interrupted goes
#   on with the masks and shifts that it would have had.
# Seen: none of them writes it, and each loads a state of 0 steps. A run of four epochs that
#   was interrupted after two has, in its third and fourth, the masks and shifts of its
#   first and second once more, and other weights than one that was not interrupted; without
#   random layers they are equal to the bit. A model that is saved each epoch, loaded and
#   trained on sees the same ones for ever. Nothing warns.
# What helps: a file of one's own with the states, as below; then the weights are equal to
#   the bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import pathlib, shutil, warnings

import keras, numpy as np
from keras import callbacks, layers

warnings.simplefilter("error", UserWarning)
random = np.random.default_rng(0)
images = random.normal(size=(64, 8, 8, 1)).astype("float32")
labels = random.integers(0, 3, 64)


def network(is_random):
    keras.utils.set_random_seed(0)
    shifted = [layers.RandomTranslation(0.2, 0.2, seed=1)] * is_random
    dropped = [layers.Dropout(0.5, seed=2)] * is_random
    inner = [layers.Flatten(), layers.Dense(16, "relu"), *dropped, layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *shifted, *inner])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=False)
    return model


def states(model):
    return [v for v in model.variables if v.path.endswith("seed_generator_state")]


def steps(model):
    """How often each random layer has drawn."""
    return [int(state.numpy()[1]) for state in states(model)]


class Epochs(callbacks.Callback):
    """Notes the states at the beginning of each epoch, and may end a run there."""

    def __init__(self, stop=None, file=None):
        super().__init__()
        self.seen, self.stop, self.file = [], stop, file

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop:
            raise KeyboardInterrupt
        if self.file and self.file.exists():
            with np.load(self.file) as kept:
                for state, name in zip(states(self.model), kept.files):
                    state.assign(kept[name])
        self.seen.append(steps(self.model))

    def on_epoch_end(self, epoch, logs=None):
        if self.file:
            np.savez(self.file, *[state.numpy() for state in states(self.model)])


def trained(is_random, *extra):
    model = network(is_random)
    model.fit(
        images, labels, batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=extra
    )
    return model.get_weights()


def in_two(is_random, file=None):
    """Weights and states of a run that is interrupted after two of its epochs."""
    shutil.rmtree("backup", ignore_errors=True)
    first, second = Epochs(2, file), Epochs(file=file)
    try:
        trained(is_random, callbacks.BackupAndRestore("backup"), first)
    except KeyboardInterrupt:
        pass
    weights = trained(is_random, callbacks.BackupAndRestore("backup"), second)
    return weights, first.seen + second.seen


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


whole = Epochs()
weights = trained(True, whole)
others, seen = in_two(True)
print("draws of shifts and masks before each epoch:")
print("  not interrupted:", *whole.seen)
print("  interrupted after two:", *seen)
assert whole.seen == [[0, 0], [8, 4], [16, 8], [24, 12]]
assert seen == [[0, 0], [8, 4], [0, 0], [8, 4]], "it changed"
kept, _ = in_two(True, pathlib.Path("states.npz"))
plain = same(trained(False), in_two(False)[0])
print("equal weights:", same(others, weights), "; without random layers:", plain)
print("with a file of the states:", same(kept, weights))
assert not same(others, weights), "it changed"
assert plain and same(kept, weights)

model = network(True)
model.fit(images, labels, batch_size=16, verbose=0)
model.save("model.keras")
model.save_weights("model.weights.h5")
loaded = network(True)
loaded.load_weights("model.weights.h5")
found = steps(model), steps(keras.models.load_model("model.keras")), steps(loaded)
print("trained, loaded, of loaded weights:", *found)
assert found == ([8, 4], [0, 0], [0, 0]), "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
