#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: the default of `keras.distillation.LogitsDistillation`.
#
# Guess: it compares the softmax of the teacher's logits, divided by the temperature, with
#   that of the student's, by the divergence of Kullback and Leibler, times the temperature
#   squared; so its source says. A student that minimises this has its teacher's
#   probabilities, and logits that are moved by a constant are no difference.
# Seen: so it is for loss=keras.losses.KLDivergence(). The default, loss="kl_divergence",
#   becomes a function, which is not looked for: there the logits themselves are taken for
#   probabilities, without the factor; those below 1e-7 are cut off to that, those above 1
#   to 1. A student that is trained by that alone ends apart from its teacher. With
#   "categorical_crossentropy", which the documentation shows, and with
#   CategoricalCrossentropy(from_logits=True) the targets are logits too: in the latter a
#   student's logits grow as long as it is trained. Nothing warns.
# What helps: LogitsDistillation(loss=keras.losses.KLDivergence()).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.distillation import Distiller, LogitsDistillation

LOSSES = {
    "kl_divergence (default)": "kl_divergence",
    "KLDivergence()": keras.losses.KLDivergence(),
    "categorical_crossentropy": "categorical_crossentropy",
    "CategoricalCrossentropy(from_logits=True)": keras.losses.CategoricalCrossentropy(
        from_logits=True
    ),
}
DEFAULT, DIVERGENCE, BY_NAME, FROM_LOGITS = LOSSES


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cost(loss, teacher, student):
    return float(LogitsDistillation(1.0, loss).compute_loss(teacher, student))


one = np.array([[2.0, -1.0, -1.0]], "float32")
two = np.array([[-1.0, 2.0, -1.0]], "float32")
p, q = softmax(one), softmax(two)
right = float((p * np.log(p / q)).sum())
costs = {name: (cost(LOSSES[name], one, two), cost(LOSSES[name], one + 5, one))
         for name in (DEFAULT, DIVERGENCE)}
for name, (apart, moved) in costs.items():
    print(f"{name}: {apart:.3f} where {right:.3f} is right, {abs(moved):.3f} where 0 is")

rng = np.random.default_rng(0)
x = rng.normal(size=(512, 4)).astype("float32")
weights = rng.normal(size=(4, 3)).astype("float32")
weights -= weights.mean(axis=1, keepdims=True)


def network():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])


teacher = network()
teacher.set_weights([weights])
wanted = teacher(x).numpy()


def distilled(loss, epochs):
    keras.utils.set_random_seed(0)
    model = Distiller(teacher, network(), LogitsDistillation(1.0, loss),
                      student_loss_weight=0.0)
    labels = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), labels)
    model.fit(x, wanted.argmax(axis=1), batch_size=64, epochs=epochs, verbose=0)
    return model.student(x).numpy()


gaps, sizes = {}, {}
for name, loss in LOSSES.items():
    few, many = distilled(loss, 20), distilled(loss, 200)
    gaps[name] = np.abs(softmax(many) - softmax(wanted)).mean()
    sizes[name] = np.abs(few).mean(), np.abs(many).mean()
    print(f"{name}: 200 epochs leave probabilities {gaps[name]:.3f} apart; logits of "
          f"size {sizes[name][0]:.2f} after 20 epochs, {sizes[name][1]:.2f} after 200, "
          f"the teacher's {np.abs(wanted).mean():.2f}")
assert abs(costs[DIVERGENCE][0] - right) < 1e-3 and abs(costs[DIVERGENCE][1]) < 1e-3
assert costs[DEFAULT][0] > 16 and abs(costs[DEFAULT][1]) > 16, "it changed: the default"
assert gaps[DIVERGENCE] < 0.01 and gaps[DEFAULT] > 0.05, "it changed: the default"
assert gaps[BY_NAME] > 0.1 and gaps[FROM_LOGITS] > 0.1, "it changed: cross entropy"
assert sizes[FROM_LOGITS][1] > 5 * sizes[FROM_LOGITS][0], "it changed: growth"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
