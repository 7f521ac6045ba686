#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, scikit-learn 1.9.1: two settings of SKLearnClassifier.
#
# Guess: `fit_kwargs={"epochs": 30}` says how long each `fit` trains, in scikit-learn's tools
#   too. `warm_start=True` goes on from the weights of the network that is given, and of
#   the `fit` before, as its documentation has it.
# Seen: `sklearn.base.clone`, which cross-validation, searches and votes begin with, makes
#   the estimator anew without its `fit_kwargs`: `fit` alone makes 30 epochs, each fold of
#   `cross_val_score` one, and 32 % are right in place of 95. `warm_start` is never read:
#   each `fit`, the first one of a trained network too, starts from fresh weights. Nothing
#   warns.
# What helps: `cross_val_score(..., params={"epochs": 30})`; to go on, Keras's own `fit`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 scikit-learn==1.9.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.wrappers import SKLearnClassifier
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

keras.utils.set_random_seed(0)
keras.utils.disable_interactive_logging()
random = np.random.default_rng(0)
images = random.normal(size=(400, 4)).astype("float32")
labels = images.argmax(axis=1)


def compiled():
    layers = [keras.Input((4,)), keras.layers.Dense(4, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy")
    return model


settings = {"epochs": 30, "verbose": 0}
alone = SKLearnClassifier(compiled(), fit_kwargs=dict(settings)).fit(images, labels)
epochs = len(alone.history_.epoch)
folds = []


def score(estimator, images, labels):
    folds.append(len(estimator.history_.epoch))
    return np.mean(estimator.predict(images).ravel() == labels)


estimator = SKLearnClassifier(compiled(), fit_kwargs=dict(settings))
lost = cross_val_score(estimator, images, labels, cv=3, scoring=score)
kept = cross_val_score(
    estimator, images, labels, cv=3, scoring=score, params=dict(settings)
)
print(f"30 epochs are said: fit makes {epochs}, the folds {folds[:3]}: {lost.mean():.0%}")
print(f"said to cross_val_score: the folds {folds[3:]}: {kept.mean():.0%} right")
assert clone(alone).fit_kwargs is None, "it changed: clone"
assert epochs == 30 and folds == [1] * 3 + [30] * 3, "it changed: epochs"
assert lost.mean() < 0.6 < 0.8 < kept.mean(), "it changed: accuracies"

trained = compiled()
one_hot = np.eye(4)[labels]
trained.fit(images, one_hot, epochs=30, verbose=0)
before = trained.evaluate(images, one_hot, verbose=0)
for warm_start in (False, True):
    wrapped = SKLearnClassifier(trained, warm_start=warm_start)
    first = wrapped.fit(images, labels, epochs=1).history_.history["loss"][0]
    second = wrapped.fit(images, labels, epochs=1).history_.history["loss"][0]
    print(
        f"warm_start={warm_start}: the network's loss {before:.2f}, in a further epoch "
        f"{first:.2f}, in one more {second:.2f}"
    )
    assert min(first, second) > before + 0.3, "it changed: warm_start"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
