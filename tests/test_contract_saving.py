"""The contract with Keras's users: saving, exporting, and the tools around Keras.

Each row of `ROWS` is done to a trained ensemble of two members and to a single network;
for the latter it is slow where that runs the very code of an ensemble.
"""

import copy
import json
import os
import pickle
import re
import warnings

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from contract import (
    KINDS,
    compiled,
    dense,
    examples,
    half_by_half,
    made,
    two_inputs,
)

from collaborative import EnsembleModel, plain_model
from collaborative.deployment import runtimes

X, Y, WEIGHTS = examples()


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory):
    """(kind, a model straight after `fit`, the same after `load_model`)."""
    model = compiled(made(request.param, False), request.param, False)
    model.fit(X, Y, verbose=0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return request.param, model, keras.models.load_model(path)


def of_each_kind(names, tests, quick, slow=()):
    """Parametrizes by tests and kinds; of a single network some are quick."""
    rows = [
        pytest.param(
            test, kind, id=f"{kind}-{name}",
            marks=[pytest.mark.slow]
            * (test in slow or (kind == "single" and test not in quick)),
        )
        for kind in KINDS
        for name, test in tests.items()
    ]  # fmt: skip
    return pytest.mark.parametrize(f"{names}, trained", rows, indirect=["trained"])


FORMATS = {
    "tf_saved_model": ("saved_model", "exported"),
    "onnx": ("onnx", "exported.onnx"),
    "litert": ("litert", "exported.tflite"),
}


EXPORTS = {
    f"{form} {when}": (form, when)
    for form in FORMATS
    for when in ("after fit", "after load_model")
}


@of_each_kind(
    "export",
    EXPORTS,
    quick=[("tf_saved_model", "after load_model")],
    slow=[("onnx", "after fit"), ("litert", "after fit")],
)
def test_export_without_a_call(export, trained, tmp_path):
    form, when = export
    loaded = when == "after load_model"
    model = trained[2] if loaded else trained[1]
    runtime, name = FORMATS[form]
    model.export(tmp_path / name, form, verbose=False)
    function = runtimes.load(runtime, tmp_path / name)
    np.testing.assert_allclose(function(X), model(X), rtol=1e-4, atol=1e-5)


def test_export_of_inputs_in_a_dict(tmp_path):
    model = made("ensemble", False, two_inputs)
    model.export(tmp_path, verbose=False)
    exported = tf.saved_model.load(tmp_path)
    x = half_by_half(X)
    np.testing.assert_allclose(exported.serve(x), model(x), rtol=1e-4, atol=1e-6)


class Own(keras.Model):
    """A member that is neither functional nor sequential."""

    def __init__(self, name):
        super().__init__(name=name)
        self.logits = keras.layers.Dense(3)

    def call(self, x):
        return self.logits(x)


def test_export_of_members_that_do_not_say_what_they_take(tmp_path):
    model = EnsembleModel([Own("a"), Own("b")])
    compiled(model, "ensemble", False).fit(X, Y, verbose=0)
    model.export(tmp_path, verbose=False)
    exported = tf.saved_model.load(tmp_path)
    np.testing.assert_allclose(exported.serve(X), model(X), rtol=1e-4, atol=1e-6)


def same(model, other):
    np.testing.assert_array_equal(model(X), other(X))


def weights_to_another_number_of_classes(kind, model, folder):
    """What fits is loaded, as into a plain model: the hidden layers."""
    model.save_weights(folder / "of_three.weights.h5")

    def four(name):
        layers = [*dense(name).layers[:-1], keras.layers.Dense(4, name="logits")]
        return keras.Sequential([keras.Input((4,)), *layers], name=name)

    other = made(kind, False, four)
    before = other.members[0].layers[1].get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras names what it skips
        other.load_weights(folder / "of_three.weights.h5", skip_mismatch=True)
    for mine, its in zip(other.members, model.members, strict=True):
        np.testing.assert_array_equal(
            *(m.layers[0].get_weights()[0] for m in (mine, its))
        )
    np.testing.assert_array_equal(
        other.members[0].layers[1].get_weights()[0], before[0]
    )


def weights_to_the_same(kind, model, folder):
    model.save_weights(folder / "all.weights.h5")
    other = made(kind, False)
    other.load_weights(folder / "all.weights.h5")
    same(other, model)


def compile_config(kind, model, folder):
    """As a plain model's but for the loss; a clone compiled with it trains alike."""
    config = model.get_compile_config()
    plain = compiled(made(kind, True), kind, True).get_compile_config()
    assert set(config) == set(plain) and config["loss"] is None
    assert config["optimizer"]["class_name"] == plain["optimizer"]["class_name"]
    other = made(kind, False)
    other.compile_from_config(json.loads(json.dumps(config)))
    assert other.optimizer.get_config() == model.optimizer.get_config()


def copies(kind, model, folder):
    cloned = keras.models.clone_model(model)
    assert cloned.compiled and len(cloned.weights) == len(model.weights)
    same(copy.deepcopy(model), model)
    same(pickle.loads(pickle.dumps(model)), model)


def summary_of_what_is_nested(kind, model, folder):
    lines = []
    model.summary(expand_nested=True, print_fn=lines.append)
    said = "\n".join(lines)
    for name in KINDS[kind]:
        assert re.search(rf"{name} \(Sequential\)", said)
    assert said.count("hidden (Dense)") == len(KINDS[kind])
    trained = sum(v.numpy().size for v in model.trainable_variables)
    assert f"Trainable params: {trained}" in said


def plot(kind, model, folder):
    """`plot_model` without graphviz: one box; a plain model's has the members."""
    box = keras.utils.model_to_dot(model, expand_nested=True).to_string()
    assert type(model).__name__ in box and "hidden" not in box
    name = "ensemble" if kind == "ensemble" else "a"
    inside = keras.utils.model_to_dot(plain_model(model, name), expand_nested=True)
    assert inside.to_string().count("<b>hidden</b>") == len(KINDS[kind])


def keras_tuner_searches(kind, model, folder):
    def build(settings):
        alpha = settings.Float("alpha", 0.01, 1.0, sampling="log")
        return compiled(made(kind, False, alpha=alpha), kind, False, run_eagerly=True)

    watched = "val_ensemble_error" if kind == "ensemble" else "val_a_error"
    tuner = keras_tuner.RandomSearch(
        build, keras_tuner.Objective(watched, "min"), max_trials=3, seed=0,
        directory=folder,
    )  # fmt: skip
    tuner.search(X, Y, validation_data=(X, Y), verbose=0)
    trials = tuner.oracle.get_best_trials(3)
    scores = [trial.score for trial in trials]
    assert scores == sorted(scores)
    assert len({trial.hyperparameters.get("alpha") for trial in trials}) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer's variables are not built yet
        (best,) = tuner.get_best_models(1)
    assert best.alpha == trials[0].hyperparameters.get("alpha")
    found = best.evaluate(X, Y, verbose=0, return_dict=True)
    assert found[watched.removeprefix("val_")] == pytest.approx(scores[0])


def scikit_learn(kind, model, folder):
    names = np.array(["x", "y", "z"])
    wrapped = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"verbose": 0})
    wrapped.fit(X, names[Y])
    assert wrapped.model_ is not model  # a clone, which was trained
    answers = wrapped.model_.predict(X, verbose=0).argmax(axis=1)
    assert wrapped.score(X, names[Y]) == pytest.approx(np.mean(answers == Y))
    np.testing.assert_array_equal(wrapped.predict(X), names[answers])


ROWS = (
    weights_to_another_number_of_classes,
    weights_to_the_same,
    compile_config,
    copies,
    summary_of_what_is_nested,
    plot,
    keras_tuner_searches,
    scikit_learn,
)
OF_A_NETWORK_TOO = (weights_to_the_same, copies, summary_of_what_is_nested, plot)


@of_each_kind("row", {row.__name__: row for row in ROWS}, quick=OF_A_NETWORK_TOO)
def test_row(row, trained, tmp_path):
    row(*trained[:2], tmp_path)


LOADS = """
import sys
import collaborative, keras
try:
    keras.models.load_model(sys.argv[1])
except Exception as error:
    assert "Could not locate class" in str(error), error
else:
    raise AssertionError("a class is known that nobody has imported")
assert collaborative.load_model(sys.argv[1]).compiled
assert keras.models.load_model(sys.argv[1]).compiled
"""
KERAS_ALONE = """
import sys
import collaborative.models
import keras
assert keras.models.load_model(sys.argv[1]).compiled
"""


@of_each_kind("code", {"collaborative": LOADS, "keras": KERAS_ALONE}, quick=[])
def test_loading_where_only_this_was_imported(code, trained, tmp_path, python):
    trained[1].save(tmp_path / "model.keras")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = python("-c", code, tmp_path / "model.keras", env=environment)
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "own_data_and_networks.md").read_text()
    assert "`load_model` needs `import collaborative.models` before it" in page
