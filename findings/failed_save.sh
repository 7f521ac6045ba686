#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `Model.save` over a file that is there.
#
# Guess: a model that cannot be saved, since a layer of it has no settings to write down,
#   raises an error and leaves the file of that name as it was.
# Seen: the error is raised, and the .keras file that was there has 0 bytes. Of an .h5 file
#   800 bytes are left, without a model.
# What helps: save under another name, and rename that file when it is complete. Models
#   with members do so by themselves; of a network alone it is its owner's to do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import os

import keras


class Own(keras.layers.Layer):
    def call(self, inputs):
        return inputs

    def get_config(self):
        raise NotImplementedError


good, other = (
    keras.Sequential([keras.Input((4,)), layer])
    for layer in (keras.layers.Dense(3), Own())
)
left = {}
for path in ("model.keras", "model.h5"):
    good.save(path)
    before = os.path.getsize(path)
    try:
        other.save(path)
    except NotImplementedError:
        left[path] = os.path.getsize(path)
    print(f"{path}: {before} bytes, after a save that failed {left.get(path)}")
    try:
        keras.models.load_model(path)
        raise AssertionError("it changed: the file is still a model")
    except ValueError:
        pass
assert left["model.keras"] == 0, "it changed: what is left of a .keras file"
assert left["model.h5"] < before, "it changed: what is left of an .h5 file"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
