#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: BackupAndRestore with a number of steps as `save_freq`.
#
# Guess: a run that is interrupted goes on at the step of its last backup, as often as need
#   be: its epochs and steps are those of a run without interruptions.
# Seen: it goes on at the beginning of that epoch, with the weights of its middle; the step
#   is written into the backup and never read. Interrupted again in that epoch, the run
#   goes back to epoch 0 with its trained weights: until an epoch of its own ends, the
#   callback counts from 0 and writes that over the backup. Of 6 epochs 10 are begun, and
#   the optimizer makes 96 steps instead of 60, so that a schedule of its learning rate is
#   at its end long before. Nothing tells.
# What helps: `save_freq="epoch"`, which loses at most an epoch and counts rightly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import json, pathlib

import keras, numpy as np

random = np.random.default_rng(0)
images, labels = random.random((80, 4), "float32"), random.integers(0, 2, 80)


class Interrupted(keras.callbacks.Callback):
    """Notes the epochs that begin, and interrupts after some steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.epochs = steps, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.steps -= 1
        if self.steps == 0:
            raise KeyboardInterrupt


def run(save_freq, interruptions):
    """The epochs begun in each of several goes, and the optimizer's steps at the end."""
    begun = []
    for steps in (*interruptions, 10**6):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        interrupted = Interrupted(steps)
        backup = keras.callbacks.BackupAndRestore("backup", save_freq=save_freq)
        try:
            model.fit(
                images, labels, batch_size=8, epochs=6, verbose=0,
                callbacks=[backup, interrupted],
            )
        except KeyboardInterrupt:
            written = json.loads(next(pathlib.Path("backup").glob("*.json")).read_text())
            print(f"  after epochs {interrupted.epochs} the backup says {written}")
        begun.append(interrupted.epochs)
    steps = int(model.optimizer.iterations)
    print(f"save_freq={save_freq!r}: begun {begun}, {steps} steps")
    return begun, steps


assert run("epoch", (35, 6)) == ([[0, 1, 2, 3], [3], [3, 4, 5]], 60), "it changed"
assert run(4, (35, 6)) == ([[0, 1, 2, 3], [3], [0, 1, 2, 3, 4, 5]], 96), "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
