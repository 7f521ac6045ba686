#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what `exclude_from_weight_decay` excludes, and how long.
#
# Guess: `optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])` is part
#   of the optimizer: a model that is loaded trains on as it was. A second call excludes
#   more. Of the optimizer that a compiled model has it works as well, before a step.
# Seen: it is not saved. `load_model` brings back the rate of decay and the optimizer's
#   state, and all variables decay. A second call takes the place of the first. Under
#   mixed_float16 the compiled model has a LossScaleOptimizer around the optimizer, which
#   takes the call and leaves it without effect. Nothing warns.
# What helps: one call, on the optimizer itself, and again after `load_model`, before a
#   step; or a subclass whose `build` calls it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np
from keras import layers

x, y = np.zeros((8, 4), "float32"), np.zeros((8, 2), "float32")


def compiled(*calls):
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    for names in calls:
        optimizer.exclude_from_weight_decay(var_names=names)
    parts = [layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def decayed(model):
    """The names of variables that a step without gradients makes smaller."""
    optimizer, variables = model.optimizer, model.trainable_variables
    if not optimizer.built:
        optimizer.build(variables)
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    for variable in optimizer.variables:
        if variable.path.endswith(("momentum", "velocity")):
            variable.assign(np.zeros(variable.shape))
    optimizer.apply([np.zeros(v.shape, "float32") for v in variables], variables)
    return sorted({v.name for v in variables if v.numpy().min() < 1})


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = compiled(["gamma", "beta", "bias"])
    model.fit(x, y, verbose=0)
    model.save("model.keras")
    loaded = keras.models.load_model("model.keras")
    rate, steps = float(loaded.optimizer.weight_decay), int(loaded.optimizer.iterations)
    found = {"as it was": decayed(model), "loaded": decayed(loaded)}
    loaded.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    found["loaded, and called again"] = decayed(loaded)
    found["two calls"] = decayed(compiled(["gamma", "beta"], ["bias"]))
    keras.mixed_precision.set_global_policy("mixed_float16")
    scaled = compiled()
    scaled.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    found["mixed_float16"] = decayed(scaled)
for case, names in found.items():
    print(f"{case}: {', '.join(names)} decay")
print(f"loaded: decay {rate}, {steps} step")
said = [str(one.message) for one in caught if "decay" in str(one.message)]
print(type(scaled.optimizer).__name__, "said of decay:", said)
everything = ["beta", "bias", "gamma", "kernel"]
assert found["as it was"] == ["kernel"], "it changed: it excludes something else"
assert found["loaded"] == everything and (rate, steps) == (0.5, 1), "it changed: loading"
assert found["loaded, and called again"] == ["kernel"], "it changed: called again"
assert found["two calls"] == ["beta", "gamma", "kernel"], "it changed: two calls"
assert found["mixed_float16"] == everything, "it changed: mixed_float16"
assert not said, "it warns now"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
