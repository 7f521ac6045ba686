#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: what a `keras.distillation.Distiller` minimises.
#
# Guess: "like any Keras model": the losses that the student's own layers add, such as
#   `kernel_regularizer`, come along, and `class_weight` weighs the images.
# Seen: neither does. `distiller.losses` has the regularizer's loss, and what is minimised
#   is without it: an epoch gives the same weights as without regularizer, to the bit, and
#   as with a `class_weight` that leaves a class out. Nothing warns. (The weights of images
#   are named as unused in the docstring of `compute_loss` alone.)
# What helps: `weight_decay` of the optimizer in place of regularizers; a subclass whose
#   `compute_loss` adds `sum(self.losses)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.distillation import Distiller, LogitsDistillation

x = np.random.default_rng(0).normal(0, 1, (256, 4)).astype("float32")
y = (x.sum(1) > 0).astype("int32")


def network(factor=0.0):
    keras.utils.set_random_seed(0)
    regularizer = keras.regularizers.L2(factor)
    dense = keras.layers.Dense(2, kernel_regularizer=regularizer)
    return keras.Sequential([keras.Input((4,)), dense])


def kernel(distilled, factor=0.0, class_weight=None):
    """Of a network after an epoch, alone or as a student; and the losses it adds."""
    student = model = network(factor)
    if distilled:
        model = Distiller(network(), student, LogitsDistillation())
    added = sum(float(loss) for loss in model.losses)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    model.fit(x, y, verbose=0, shuffle=False, class_weight=class_weight)
    return student.get_weights()[0], added


SETTINGS = {"factor": 1.0}, {"class_weight": {0: 0, 1: 1}}
for distilled, name in enumerate(("alone", "student of a Distiller")):
    plain, _ = kernel(distilled)
    for setting in SETTINGS:
        other, added = kernel(distilled, **setting)
        moved = float(np.abs(other - plain).max())
        print(f"{name}, {setting}: losses {added:.2f}, kernel moved by {moved:.3f}")
        if distilled:
            assert moved == 0, f"it changed: {setting} comes along"
        else:
            assert moved > 0.05
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
