#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `evaluate` of a `keras.distillation.Distiller`.
#
# Guess: `evaluate`, and the validation in `fit`, leave the student's weights as they are;
#   in a step of training the student sees the batch once.
# Seen: with a FeatureDistillation of named layers a second model from the student's
#   inputs to that layer is called with `training=True`, whatever is going on. `evaluate`
#   moves the batch normalization's moments towards the validation images, and gives
#   another answer each time; a step of training moves them twice, and has two masks of
#   dropout, one for each of its losses. With LogitsDistillation none of it is so.
# What helps: no `validation_data`, the student evaluated (`distiller.student`), and the
#   square root of the momentum one wants.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.distillation import Distiller, FeatureDistillation, LogitsDistillation

x = np.random.default_rng(0).normal(3, 2, (256, 4)).astype("float32")
y = (x.sum(1) > 12).astype("int32")


def network():
    layers = [
        keras.Input((4,)),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.Dense(8, "relu", name="features"),
        keras.layers.Dense(2),
    ]
    return keras.Sequential(layers)


def measured(*losses):
    """How far evaluations move weights and differ; how far a step moves the mean."""
    distiller = Distiller(network(), network(), list(losses))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(keras.optimizers.SGD(0.0), loss, jit_compile=False)
    student = distiller.student
    before = student.get_weights()
    said = [
        distiller.evaluate(x, y, verbose=0, return_dict=True)["student_loss"]
        for _ in range(5)
    ]
    pairs = zip(before, student.get_weights(), strict=True)
    moved = max(float(np.abs(a - b).max()) for a, b in pairs)
    student.set_weights(before)
    distiller.train_on_batch(x, y)
    step = student.layers[0].moving_mean.numpy() / x.mean(0)
    return moved, max(said) - min(said), float(step.mean())


names = {"teacher_layer_name": "features", "student_layer_name": "features"}
logits = measured(LogitsDistillation())
features = measured(LogitsDistillation(), FeatureDistillation("mse", **names))
for name, found in {"logits": logits, "features": features}.items():
    moved, apart, step = found
    print(f"{name}: 5 evaluations move weights by {moved:.3g}, losses by {apart:.3g}")
    print(f"   a step moves the mean by {step:.3f} of the way; 0.1 is asked for")
assert logits[:2] == (0, 0) and abs(logits[2] - 0.1) < 1e-3
assert features[0] > 1 and features[1] > 0.01, "it changed: evaluate leaves weights"
assert abs(features[2] - 0.19) < 1e-3, "it changed: a step moves the moments once"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
