#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: a model saved to .h5 and then to .keras.
#
# Guess: saving changes nothing in the model: the .keras file is the same with and without
#   an .h5 file before it.
# Seen: saving to .h5 takes the optimizer out of the settings that `compile` left in the
#   model. The .keras file that is saved next loads with RMSprop, which nobody asked for,
#   in place of Adam, and without its state.
# What helps: save to .keras before .h5, or `compile` again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np


def trained():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    model.fit(np.zeros((2, 4)), np.zeros((2, 1)), verbose=0)
    return model


def optimizer_of(path):
    return type(keras.models.load_model(path).optimizer).__name__


model = trained()
model.save("alone.keras")
model = trained()
model.save("model.h5")
model.save("after.keras")
alone, after = optimizer_of("alone.keras"), optimizer_of("after.keras")
print(f"optimizer of the .keras file: {alone}; after .h5: {after}")
assert alone == "Adam", "it changed: what a file alone loads with"
assert after == "RMSprop", "it changed: .h5 leaves the optimizer where it is"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
