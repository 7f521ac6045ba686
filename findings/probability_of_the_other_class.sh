#!/usr/bin/env bash
# emlearn 0.23.2, Keras 3.15.1, TensorFlow 2.21.0 (with a C compiler): `predict_proba` of a
# network of two classes, in C for microcontrollers.
#
# Guess: `emlearn.convert(network)` makes C of a small Keras network; `predict` and
#   `predict_proba` run that C, "to verify prediction correctness", and say what Keras says.
# Seen: a softmax of two classes comes back the wrong way round. The first output is taken
#   for the probability of class 1, as if it were a sigmoid's. `predict` still says the
#   right class, which `predict_proba` then finds improbable: of a network that is right on
#   93 % the area under the ROC curve is 0.02 in place of 0.98, and the cross-entropy 4.2 in
#   place of 0.17. It is the function of the header, `eml_net_predict_proba`, and so on the
#   device as well. Three classes are right, and so is one sigmoid. Logits are handed out as
#   probabilities; of two, z0 and z1, come 1 - z0 and z0. The check in C that they sum to 1
#   has no say in Python. A network of one layer has class -2 for each image, and
#   probabilities of 0. Nothing warns.
# What helps: one sigmoid for two classes, or the columns turned around; softmax in the last
#   layer, and a hidden one before it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet emlearn==0.23.2 keras==3.15.1 tensorflow==2.21.0 \
    scikit-learn==1.9.1 setuptools==80.9.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import logging, warnings

import emlearn, keras, numpy as np
from keras.layers import Dense
from sklearn.metrics import log_loss, roc_auc_score

logging.getLogger("tensorflow").setLevel(logging.ERROR)
warnings.simplefilter("error")
warnings.filterwarnings("ignore", category=DeprecationWarning)  # distutils
random = np.random.default_rng(0)


def network(classes, *layers):
    """A trained one, images of its classes, their labels, and what it answers."""
    labels = np.arange(600) % classes
    centres = random.normal(size=(classes, 16))
    images = centres[labels] + 1.5 * random.normal(size=(600, 16))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), *layers])
    last = layers[-1]
    logits = last.activation is keras.activations.linear
    if last.units == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(images, labels, epochs=10, verbose=0)
    return model, images, labels, model.predict(images, verbose=0).astype(float)


def shown(what, labels, answers):
    right = (answers.argmax(axis=1) == labels).mean()
    numbers = f"largest is right {100 * right:.1f} %, cross-entropy"
    numbers += f" {log_loss(labels, answers / answers.sum(axis=1, keepdims=True)):.2f}"
    area = None
    if answers.shape[1] == 2:
        area = roc_auc_score(labels, answers[:, 1])
        numbers += f", area under the ROC curve {area:.2f}"
    print(f"  {what}: {numbers}")
    return right, area


print("two classes, softmax:")
model, images, labels, answers = network(2, Dense(16, "relu"), Dense(2, "softmax"))
made = emlearn.convert(model)
found = made.predict_proba(images)
said = np.array(made.predict(images))
right, area = shown("Keras", labels, answers)
wrong, below = shown("emlearn, predict_proba", labels, found)
print(f"  emlearn, predict: right {100 * (said == labels).mean():.1f} %")
assert (said == answers.argmax(axis=1)).all(), "it changed: predict"
assert np.allclose(found, answers[:, ::-1], atol=1e-4), "it changed: the columns"
assert area > 0.97 and below < 0.03 and right > 0.9 > 0.1 > wrong
assert np.allclose(found[:, ::-1], answers, atol=1e-4)

print("three classes, softmax:")
model, images, labels, answers = network(3, Dense(16, "relu"), Dense(3, "softmax"))
found = emlearn.convert(model).predict_proba(images)
shown("Keras", labels, answers)
shown("emlearn, predict_proba", labels, found)
assert np.allclose(found, answers, atol=1e-4)

print("two classes, one sigmoid:")
model, images, labels, answers = network(2, Dense(16, "relu"), Dense(1, "sigmoid"))
answers = np.hstack([1 - answers, answers])
found = emlearn.convert(model).predict_proba(images)
shown("Keras", labels, answers)
shown("emlearn, predict_proba", labels, found)
assert np.allclose(found, answers, atol=1e-4)

print("two classes, logits, of the first image:")
model, images, labels, answers = network(2, Dense(16, "relu"), Dense(2))
found = emlearn.convert(model).predict_proba(images)
print("  Keras:", answers[0].round(2))
print("  emlearn, predict_proba:", found[0].round(2))
first = answers[:, 0]
assert np.allclose(found, np.transpose([1 - first, first]), atol=1e-4), "it changed: logits"

print("two classes, one layer, of the first image:")
model, images, labels, answers = network(2, Dense(2, "softmax"))
made = emlearn.convert(model)
found, said = made.predict_proba(images), set(made.predict(images))
print("  Keras:", answers[0].round(2))
print("  emlearn, predict_proba:", found[0], "predict:", *said)
assert said == {-2} and (found == 0).all(), "it changed: one layer"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>error.txt || { cat error.txt; exit 1; }
