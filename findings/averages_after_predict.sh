#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: SwapEMAWeights handed to `predict`.
#
# Guess: as with `evaluate`, the averages are in the model while it predicts, and its own
#   weights are back afterwards.
# Seen: after `evaluate` they are back, but for rounding; after `predict` the averages
#   stay in the model, so that training would go on from them.
# What helps: hand the callback to `fit` and `evaluate` only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

keras.utils.set_random_seed(0)
x, y = np.random.rand(64, 4).astype("float32"), np.random.rand(64, 1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse", jit_compile=False)
for _ in range(20):
    model.train_on_batch(x, y)
before = model.get_weights()


def moved():
    pairs = zip(before, model.get_weights())
    return max(float(np.abs(a - b).max()) for a, b in pairs)


model.evaluate(x, y, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])
evaluated = moved()
model.predict(x, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])
predicted = moved()
print(f"weights moved by {evaluated:.1e} in evaluate, by {predicted:.1e} in predict")
assert evaluated < 1e-6, "it changed: evaluate leaves other weights"
assert predicted > 1e-3, "it changed: predict puts the weights back"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
