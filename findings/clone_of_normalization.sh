#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: a clone of an adapted `Normalization` with its weights.
#
# Guess: `keras.models.clone_model(model)` followed by `clone.set_weights(
#   model.get_weights())` computes what the model computes: mean and variance are among
#   the weights (Normalization has three: mean, variance, count).
# Seen: the clone's weights are equal and its outputs are not. The layer computes with
#   tensors that `adapt`, `load_weights` or building from a saved file make of these
#   weights (`finalize_state`); `set_weights` does not make them anew, and says nothing.
# What helps: call `layer.finalize_state()` of each such layer after `set_weights`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

images = np.random.default_rng(0).uniform(0, 255, (64, 4)).astype("float32")
first = keras.layers.Normalization()
first.adapt(images)
model = keras.Sequential([keras.Input((4,)), first, keras.layers.Dense(2)])
clone = keras.models.clone_model(model)
clone.set_weights(model.get_weights())
pairs = zip(model.get_weights(), clone.get_weights(), strict=True)
assert all(np.array_equal(a, b) for a, b in pairs)


def apart():
    return float(np.abs(np.asarray(model(images)) - np.asarray(clone(images))).max())


before = apart()
clone.layers[0].finalize_state()
print(f"equal weights, largest difference of the outputs: {before:.3g}")
print(f"after finalize_state: {apart():.3g}")
assert before > 1 and apart() < 1e-4, "it changed: equal weights give equal outputs"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
