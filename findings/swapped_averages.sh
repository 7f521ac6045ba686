#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: moving averages, and a training that is stopped early.
#
# Guess: with an optimizer's `use_ema` Keras ends `fit` with the averages in the model.
#   `SwapEMAWeights(swap_on_epoch=True)` has them in it at the end of each epoch besides,
#   for checkpoints. A training that an EarlyStopping ends is no exception.
# Seen: with `swap_on_epoch=True` a training that is stopped before its last epoch ends
#   with the weights in place of their averages, in the optimizer too: the averages are
#   lost. With `restore_best_weights` the model has the best epoch's averages, the
#   optimizer the last weights. Without `swap_on_epoch` it brings back the best epoch's
#   weights, though the `val_loss` that chose them was their averages'.
# What helps: a ModelCheckpoint after SwapEMAWeights(swap_on_epoch=True), and its file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.callbacks import EarlyStopping, SwapEMAWeights

x, y = np.random.default_rng(0).random((2, 64, 1)).astype("float32")
seen = {}


def ends(model):
    """Its weight, and what its optimizer has as the average of it."""
    average = model.optimizer._model_variables_moving_average[0]
    return float(model.get_weights()[0][0, 0]), float(average.numpy()[0, 0])


class Seen(keras.callbacks.Callback):  # before others swap them
    def on_epoch_end(self, epoch, logs=None):
        weight, average = ends(self.model)
        seen[f"weight {epoch + 1}"], seen[f"average {epoch + 1}"] = weight, average


def trained(epochs, *callbacks):
    """What model and optimizer have after a training of 3 epochs."""
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse", jit_compile=False)
    data = {"validation_data": (x, y), "epochs": epochs, "verbose": 0}
    done = model.fit(x, y, callbacks=[Seen(), *callbacks], **data)
    assert len(done.epoch) == 3 and len(set(seen.values())) == 6
    return [min(seen, key=lambda name: abs(seen[name] - end)) for end in ends(model)]


def stop(restore):  # after 3 epochs, since the first one is the best in this sense
    return EarlyStopping("val_loss", 0, 2, mode="max", restore_best_weights=restore)


found = {
    "swap_on_epoch, all of 3 epochs": trained(3, SwapEMAWeights(True)),
    "swap_on_epoch, 3 of 9 epochs": trained(9, SwapEMAWeights(True), stop(False)),
    "the same, best weights": trained(9, SwapEMAWeights(True), stop(True)),
    "without it, 3 of 9 epochs": trained(9, SwapEMAWeights(), stop(False)),
    "without it, best weights": trained(9, SwapEMAWeights(), stop(True)),
}
for name, (model, optimizer) in found.items():
    print(f"{name}: the model has {model}, its optimizer {optimizer}")
assert list(found.values()) == [
    ["average 3", "average 3"],
    ["weight 3", "weight 3"],
    ["average 1", "weight 3"],
    ["average 3", "average 3"],
    ["weight 1", "average 3"],
], "it changed: what is left of the averages"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
