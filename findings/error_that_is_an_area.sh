#!/usr/bin/env bash
# deepstack 0.0.9, Keras 3.15.1, TensorFlow 2.21.0, scikit-learn 1.9.1: `metric` of
# DirichletEnsemble and of StackEnsemble.
#
# Guess: `DirichletEnsemble(metric=accuracy_score)` weighs the networks of an ensemble so
#   that the ensemble is right as often as can be on the validation images, `bestscore` and
#   `describe()` tell how often; `metric=zero_one_loss, maximize=False` is the same.
# Seen: the metric is tried on probabilities. Where it refuses them, as metrics of said
#   classes do, the area under the ROC curve takes its place, under the metric's name, if
#   the labels are numbers of classes, in a row or a column as CIFAR-10's. An ensemble that
#   is right on 51 % is told to have an accuracy of 0.999. `zero_one_loss` looks for the
#   least area: of networks with errors of 18, 63 and 47 % the last, which ranks worst, has
#   a weight of 0.96, and the ensemble an error of 44 %, told as 0.907; equal weights have
#   25 %. With one-hot labels the classes that are said are compared: the error is 8.8 %,
#   and told so. `StackEnsemble.describe(metric=...)` tells the area too. Nothing warns.
# What helps: one-hot labels; or a metric of one's own that takes the argmax of what it is
#   given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet deepstack==0.0.9 keras==3.15.1 tensorflow==2.21.0 \
    scikit-learn==1.9.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import contextlib, io, warnings

import numpy as np
from deepstack.base import Member
from deepstack.ensemble import DirichletEnsemble, StackEnsemble
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score, zero_one_loss

warnings.simplefilter("error")
random = np.random.default_rng(0)
classes = np.arange(1000) % 10
one_hot = np.eye(10)[classes]


def said(sharpness, too_often):
    """Probabilities of a network that says class 0 too often."""
    logits = random.normal(size=(1000, 10)) + sharpness * one_hot
    logits[:, 0] += too_often
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


networks = said(2.5, 0), said(3.2, 4), said(1.5, 0)


def error(probabilities):
    return (probabilities.argmax(axis=1) != classes).mean()


def area(probabilities):
    return roc_auc_score(one_hot, probabilities)


def members(labels):
    return [Member(f"network {i}", p, labels, p, labels, p) for i, p in enumerate(networks)]


def fitted(labels, **settings):
    np.random.seed(0)  # its weights are drawn
    ensemble = DirichletEnsemble(N=300, **settings)
    ensemble.add_members(members(labels))
    ensemble.fit()
    probabilities = ensemble.predict()
    told, true = ensemble.bestscore, error(probabilities)
    weights = np.round(ensemble.bestweights, 2)
    print(f"    told {told:.3f}, error {true:.3f}, area {area(probabilities):.3f}", weights)
    return told, true, area(probabilities), weights, ensemble


print("errors:", *(f"{error(p):.3f}" for p in networks))
print("areas:", *(f"{area(p):.3f}" for p in networks))
print(f"equal weights: error {error(sum(networks)):.3f}")
for name, labels in (
    ("in a row", classes),
    ("in a column", classes[:, None]),
    ("one-hot", one_hot),
):
    print(f"labels {name}:")
    print("  accuracy_score")
    accuracy = fitted(labels, metric=accuracy_score)
    print("  zero_one_loss, maximize=False")
    loss = fitted(labels, metric=zero_one_loss, maximize=False)
    if name == "one-hot":
        assert np.isclose(accuracy[0], 1 - accuracy[1]) and np.isclose(loss[0], loss[1])
        assert loss[1] < 0.1
        continue
    assert np.isclose(accuracy[0], accuracy[2]) and accuracy[0] > 0.99, "it changed"
    assert accuracy[1] > 0.4, "it changed: accuracy"
    assert np.isclose(loss[0], loss[2]) and loss[1] > 0.4, "it changed: the error"
    assert loss[3][2] > 0.9, "it changed: which network counts"
    with contextlib.redirect_stdout(io.StringIO()) as described:
        loss[-1].describe()
    lines = described.getvalue().splitlines()
    print(*("    " + line for line in lines), sep="\n")
    assert lines[0].endswith("zero_one_loss: 0.9806"), "it changed: describe"

print("StackEnsemble, labels in a row:")
stack = StackEnsemble(LogisticRegression(max_iter=1000))
stack.add_members(members(classes))
answers = np.stack(networks, axis=1).reshape(1000, -1)
stack.fit(answers, classes)
probabilities = stack.model.predict_proba(answers)
with contextlib.redirect_stdout(io.StringIO()):
    told = stack.describe(probabilities, metric=zero_one_loss)
print(f"    zero_one_loss told {told:.3f}, error {error(probabilities):.3f}")
assert np.isclose(told, area(probabilities)) and error(probabilities) < 0.1, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>error.txt || { cat error.txt; exit 1; }
