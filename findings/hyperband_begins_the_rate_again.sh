#!/usr/bin/env bash
# KerasTuner 1.4.8 with Keras 3.15.1, TensorFlow 2.21.0: a trial of Hyperband that goes on.
#
# Guess: Hyperband trains a promising trial further, so that after all its epochs it has had
#   the steps, Adam's moments and the rates of a trial that was trained in one go.
# Seen: it gets its weights alone, and a warning says that the optimizer's variables were
#   skipped. The optimizer is new: `iterations` begins at 0, the moments too, and a schedule
#   of the learning rate begins again. Of three epochs, with a rate that halves after a half
#   and after three quarters of the steps, a trial that went on ends at 0.005, one trained in
#   one go at 0.0025; they are compared with one another all the same. The best model is
#   handed out with `iterations` 0 as well. (It also needs tensorboard, which it does not
#   ask pip for.)
# What helps: a rate by epochs, which do go on: `LearningRateScheduler` in `callbacks`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 keras-tuner==1.4.8 tensorboard==2.21.0 \
    numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, keras_tuner, numpy as np

x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
EPOCHS, STEPS = 3, 8
ends = []  # of each trial: its first epoch, then iterations and rate, first and last


class Watch(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.first = None
        self.begin = int(self.model.optimizer.iterations)

    def on_epoch_begin(self, epoch, logs=None):
        self.first = epoch if self.first is None else self.first

    def on_train_end(self, logs=None):
        optimizer = self.model.optimizer
        rate = round(float(optimizer.learning_rate), 6)
        ends.append((self.first, self.begin, int(optimizer.iterations), rate))


def by_epoch(epoch):
    return 0.01 * 0.5 ** ((epoch + 1 > EPOCHS / 2) + (epoch + 1 > 3 * EPOCHS / 4))


def search(by_callback):
    def build(hp):
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            [EPOCHS * STEPS // 2, EPOCHS * STEPS * 3 // 4], [0.01, 0.005, 0.0025]
        )
        layers = [keras.layers.Dense(hp.Int("units", 4, 64), "relu"), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.01 if by_callback else rate), loss)
        return model

    ends.clear()
    tuner = keras_tuner.Hyperband(
        build, "val_loss", max_epochs=EPOCHS, factor=3, seed=0,
        directory=".", project_name=str(by_callback),
    )
    callbacks = [keras.callbacks.LearningRateScheduler(by_epoch)] if by_callback else []
    tuner.search(
        x, y, validation_data=(x, y), batch_size=len(x) // STEPS,
        callbacks=[*callbacks, Watch()], verbose=0,
    )
    whole = {end[1:] for end in ends if end[0] == 0 and end[2] == EPOCHS * STEPS}
    further = {end[1:] for end in ends if end[0] > 0}
    best = int(tuner.get_best_models(1)[0].optimizer.iterations)
    print("a rate by epochs:" if by_callback else "a schedule:")
    print("  in one go, iterations before and after, last rate:", *whole)
    print("  gone on, the same:                                ", *further)
    print("  iterations of the best model:", best)
    return whole, further, best


assert search(False) == ({(0, 24, 0.0025)}, {(0, 16, 0.005)}, 0), "it changed"
assert search(True) == ({(0, 24, 0.0025)}, {(0, 16, 0.0025)}, 0), "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
