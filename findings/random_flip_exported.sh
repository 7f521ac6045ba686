#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: augmentation layers in a model that is called.
#
# Guess: as Dropout does, `RandomFlip` rests unless `training=True`: `model(images)`, an
#   exported model and `predict` say the same.
# Seen: `predict` leaves images as they are, `model(images)` flips half of them, since the
#   layer's own default is `training=True`. So does the SavedModel that `export` writes:
#   it answers differently each time. Dropout rests in both.
# What helps: call with `training=False`; export a model without these layers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf

keras.utils.set_random_seed(0)
images = np.arange(16 * 16 * 3, dtype="float32").reshape(1, 16, 16, 3)


def model(layer):
    return keras.Sequential([keras.Input((16, 16, 3)), layer])


def changes(function):
    """How often of 40 times the images come back changed."""
    answers = [np.asarray(function(images)) for _ in range(40)]
    return sum(not np.array_equal(answer, images) for answer in answers)


flips = model(keras.layers.RandomFlip("horizontal"))
drops = model(keras.layers.Dropout(0.5))
flips.export("exported", verbose=False)
exported = tf.saved_model.load("exported")
found = {
    "RandomFlip, predict": changes(lambda x: flips.predict(x, verbose=0)),
    "RandomFlip, training=False": changes(lambda x: flips(x, training=False)),
    "RandomFlip, model(images)": changes(flips),
    "RandomFlip, exported": changes(exported.serve),
    "Dropout, model(images)": changes(drops),
}
for name, count in found.items():
    print(f"{name}: changed {count} of 40 times")
at_rest, told, called, written, dropped = found.values()
assert at_rest == told == dropped == 0, "it changed: these answered at random"
assert 5 < called < 35 and 5 < written < 35, "it changed: the layer rests"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
