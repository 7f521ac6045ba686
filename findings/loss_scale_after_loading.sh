#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: a mixed_float16 model from a file, trained further.
#
# Guess: a model saved under mixed_float16 is loaded as one: its layers compute in
#   float16, and `compile` wraps its optimizer in a LossScaleOptimizer, as before.
# Seen: the layers do compute in float16; the model around them has the policy of the
#   process that loads it, float32 by default, and that alone decides. `load_model`
#   leaves out the LossScaleOptimizer and the optimizer's state (of the state it warns);
#   `compile` leaves it out without a word. Small gradients are 0 in float16, and the
#   weights stay where they are.
# What helps: set the global policy before loading, or give `compile` a
#   LossScaleOptimizer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings
import keras, numpy as np

x, y = np.ones((4096, 4), "float32"), np.full((4096, 1), 1e-5, "float32")


def compiled(model):
    model.compile(keras.optimizers.Adam(0.001), "mse", jit_compile=False)
    return model


def moved(model):
    """How far a step on all images moves the weights, and by which optimizer."""
    before = model.get_weights()[0]
    model.train_on_batch(x, y)
    distance = float(np.abs(model.get_weights()[0] - before).max())
    return type(model.optimizer).__name__, round(distance, 6)


keras.config.set_dtype_policy("mixed_float16")
dense = keras.layers.Dense(1, kernel_initializer="zeros")
model = compiled(keras.Sequential([keras.Input((4,)), dense]))
model.save("model.keras")
found = {"as it was made": moved(model)}
model.save("trained.keras")

keras.config.set_dtype_policy("float32")  # as in a new process
with warnings.catch_warnings():
    warnings.simplefilter("error")
    loaded = compiled(keras.models.load_model("model.keras", compile=False))
    found["loaded and compiled"] = moved(loaded)
layer, around = loaded.layers[0].dtype_policy.name, loaded.dtype_policy.name
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    whole = keras.models.load_model("trained.keras")
optimizer, steps = type(whole.optimizer).__name__, int(whole.optimizer.iterations)

keras.config.set_dtype_policy("mixed_float16")
anew = compiled(keras.models.load_model("model.keras", compile=False))
found["loaded under the policy"] = moved(anew)

for name, (kind, distance) in found.items():
    print(f"{name}: {kind}, weights moved by {distance}")
print(f"policies of the loaded layer and model: {layer}, {around}")
print(f"loaded with its optimizer: {optimizer} after {steps} steps; it had done 1")
for name in ("as it was made", "loaded under the policy"):
    kind, distance = found[name]
    assert kind == "LossScaleOptimizer" and distance > 5e-4, name
assert found["loaded and compiled"] == ("Adam", 0), "it changed: the loss is scaled"
assert (layer, around) == ("mixed_float16", "float32"), "it changed: the policies"
assert (optimizer, steps) == ("Adam", 0), "it changed: what the optimizer loads as"
assert any("Skipping variable loading" in str(w.message) for w in caught)
assert not any("scal" in str(w.message).lower() for w in caught)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
