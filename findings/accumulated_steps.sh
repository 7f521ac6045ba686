#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what a step is under `gradient_accumulation_steps`.
#
# Guess: with `gradient_accumulation_steps=4` an update of the weights is one step for
#   all of the optimizer: for `iterations`, for a learning rate schedule, and for the
#   moving averages of `use_ema`.
# Seen: `iterations` counts updates, and Adam goes by it. A schedule counts batches: one
#   of 8 steps is over after 2 updates, and most of its values are never used. The
#   averages move with each batch too, also where the weights do not: a momentum of 0.9
#   keeps 0.9 ** 4 = 0.66 of them from one update to the next.
# What helps: give schedules 4 times the steps, and averages the fourth root of the
#   momentum.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

x, y = np.random.default_rng(0).random((2, 64, 1))


def compiled(accumulated, rate, **settings):
    optimizer = keras.optimizers.SGD(
        rate, gradient_accumulation_steps=accumulated, **settings
    )
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def updated(accumulated):
    """`iterations` after each of 8 updates, and the learning rate of each."""
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 8, 0.02)
    model = compiled(accumulated, schedule)
    counts, rates = [], []
    for _ in range(8):
        for batch in range(accumulated or 1):
            rate = float(model.optimizer.learning_rate)
            model.train_on_batch(x, y)
        rates.append(round(rate, 2))
        counts.append(int(model.optimizer.iterations))
    return counts, rates


one, four = updated(None), updated(4)
print("iterations and rates of 8 updates, of one batch each:", *one)
print("iterations and rates of 8 updates, of 4 batches each:", *four)
assert one[0] == four[0] == list(range(1, 9)), "it changed: what `iterations` counts"
assert one[1] == [0.1, 0.09, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03]
assert four[1] == [0.07, 0.03] + [0.02] * 6, "it changed: how a schedule counts"

model = compiled(4, 0.1, use_ema=True, ema_momentum=0.9)
weights, averages = [], []
for _ in range(11):  # two updates, and three batches after them
    model.train_on_batch(x, y)
    weights.append(float(model.get_weights()[0][0, 0]))
    average = model.optimizer._model_variables_moving_average[0]
    averages.append(float(average.numpy()[0, 0]))
print("a weight, after updates 1, 2 and three batches:", np.round(weights[3::4], 4))
print("its average after update 2 and each batch on:", np.round(averages[7:], 4))
kept = (weights[-1] - averages[-1]) / (weights[-1] - averages[7])
assert weights[7] == weights[-1] != weights[3], "it changed: when weights move"
assert abs(kept - 0.9**3) < 1e-3, "it changed: averages move with the weights only"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
