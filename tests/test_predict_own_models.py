"""predict.py on models of many kinds: what their outputs are, and which it refuses."""

import functools
import json

import keras
import numpy as np
import pytest
from brightness_models import linear, softmax
from conftest import ROOT
from picture_files import RAMP, picture_file

from collaborative import predict
from collaborative.deployment import model_card


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, predict)


def test_exported_probabilities_are_not_softmaxed_again(tmp_path, command):
    member = linear("up", [0, 0, 0.01])
    outputs = keras.layers.Softmax()(member.outputs[0])
    keras.Model(member.inputs[0], outputs).save(tmp_path / "model.keras")
    metadata = {
        "file": "model.keras",
        "format": "keras",
        "member": "up",
        "outputs": "probabilities",
        "class_names": ["dark", "grey", "light"],
        "input": {"shape": [None, 8, 8, 1]},
    }
    path = picture_file(tmp_path, np.full((8, 8), 100, np.uint8))
    for outputs in ("without metadata", "with metadata"):
        status, out, _ = command("--model", tmp_path / "model.keras", "--json", path)
        first = next(iter(json.loads(out)["pictures"][0]["predictions"].values()))[0]
        assert status == 0 and first["probability"] == pytest.approx(0.5761, abs=1e-4)
        assert first["class"] == ("2" if outputs == "without metadata" else "light")
        (tmp_path / model_card.METADATA).write_text(json.dumps(metadata))


def test_files_of_others_beside_a_model_are_not_ours(tmp_path, command):
    linear("up", [0, 0, 0.01]).save(tmp_path / "model.keras")
    (tmp_path / "metadata.json").write_text('{"keras_version": "3"}')
    (tmp_path / "config.json").write_text('{"class_names": ["one"]}')
    path = picture_file(tmp_path, RAMP)
    for content in ('{"class_names": ["one"]}', "[1, 2]"):
        (tmp_path / "config.json").write_text(content)
        status, out, _ = command("--model", tmp_path / "model.keras", "--top", 1, path)
        assert status == 0 and out.splitlines()[1].split()[1:3] == ["up", "2"]


def test_a_model_of_something_else_is_refused(tmp_path, command):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="rows")
    model.save(tmp_path / "rows.keras")
    got, _, err = command("--model", tmp_path / "rows.keras", ROOT / "README.md")
    assert got == 1 and "rows takes inputs of shape (None, 4), not images" in err[0]


def ending(*last, units=3, name="own", **kwargs):
    """Brightness times 0.01 to `units`, and what follows; all pictures are classed."""
    dense = keras.layers.Dense(units, use_bias=False, **kwargs)
    pool = keras.layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((8, 8, 1)), pool, dense, *last], name=name)
    dense.set_weights([0.01 * np.arange(units, 0, -1, dtype=np.float32)[None]])
    return model


def nested(model):
    return keras.Sequential([keras.Input((8, 8, 1)), model], name="own")


def operation(function, units=3):
    model = ending(units=units)
    return keras.Model(model.inputs, function(model.outputs[0]), name="own")


SOFTMAXES = {
    "logits": ending,
    "activation": lambda: ending(activation="softmax"),
    "layer": lambda: ending(keras.layers.Softmax()),
    "nested": lambda: nested(ending(activation="softmax", name="inner")),
    "operation": lambda: operation(keras.ops.softmax),
    "log-probabilities": lambda: operation(keras.ops.log_softmax),
    "uint8": lambda: keras.Sequential(
        [keras.Input((8, 8, 1), dtype="uint8"), ending(keras.layers.Softmax())],
        name="own",
    ),
}


@pytest.mark.parametrize("form", SOFTMAXES)
def test_one_softmax_whoever_applies_it(form, tmp_path, command):
    SOFTMAXES[form]().save(tmp_path / "own.keras")
    path = picture_file(tmp_path, np.full((8, 8), 100, np.uint8))
    status, out, _ = command("--model", tmp_path / "own.keras", "--json", path)
    (by,) = json.loads(out)["pictures"][0]["predictions"].values()
    assert status == 0 and [c["class"] for c in by] == ["0", "1", "2"]
    got = [c["probability"] for c in by]
    assert got == pytest.approx(softmax([3, 2, 1]), abs=1e-5)


@pytest.mark.parametrize("form", ["activation", "operation"])
def test_one_sigmoid_is_of_the_second_of_two_classes(form, tmp_path, command):
    if form == "activation":
        model = ending(units=1, activation="sigmoid")
    else:
        model = operation(keras.ops.sigmoid, units=1)
    model.save(tmp_path / "own.keras")
    names = {"class_names": ["cat", "dog"]}
    (tmp_path / "config.json").write_text(json.dumps(names))
    path = picture_file(tmp_path, np.full((8, 8), 100, np.uint8))
    status, out, _ = command("--model", tmp_path / "own.keras", path)
    # 1 / (1 + exp(-1))
    assert status == 0
    assert out.split()[-6:] == ["dog", "73.1", "%", "cat", "26.9", "%"]


def with_inputs(kind):
    inputs = {n: keras.Input((8, 8, 1), name=n) for n in "ab"}
    joined = keras.layers.Flatten()(keras.layers.Add()(list(inputs.values())))
    outputs = keras.layers.Dense(3)(joined)
    given = inputs if kind is dict else list(inputs.values())
    return keras.Model(given, outputs, name="own")


NO_CLASSIFIERS = {
    "one logit": (lambda: ending(units=1), "one number for each image, which is no p"),
    "softmax of one": (
        lambda: ending(keras.layers.Softmax(), units=1),
        "which is no probability",
    ),
    "labels": (lambda: ending(activation="sigmoid"), "do not sum to 1, a sigmoid for"),
    "two": (
        lambda: operation(lambda g: [g, 2 * g]),
        "not one tensor [batch, classes]",
    ),
    "a dict": (lambda: operation(lambda g: {"a": g}), "not one tensor"),
    "an autoencoder": (
        lambda: keras.Sequential(
            [keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3)], name="own"
        ),
        "not one tensor",
    ),
    "inputs in a dict": (lambda: with_inputs(dict), "takes inputs of shape [("),
    "inputs in a list": (lambda: with_inputs(list), "takes inputs of shape [("),
    "batches of one": (
        lambda: keras.Sequential(
            [keras.Input(batch_shape=(1, 8, 8, 1)), keras.layers.Flatten()], name="own"
        ),
        "takes inputs of shape (1, 8, 8, 1), not images [batch",
    ),
}


@pytest.mark.parametrize("kind", NO_CLASSIFIERS)
def test_what_is_no_classifier_is_refused_in_words(kind, tmp_path, command):
    build, message = NO_CLASSIFIERS[kind]
    build().save(tmp_path / "own.keras")
    path = picture_file(tmp_path, RAMP)
    status, out, err = command("--model", tmp_path / "own.keras", path)
    assert (status, out, len(err)) == (1, "", 1)
    assert message in err[0] and "own" in err[0]


def test_a_network_that_gives_nan(tmp_path, command):
    model = ending()
    model.set_weights([np.full((1, 3), np.nan)])
    model.save(tmp_path / "own.keras")
    status, out, err = command(
        "--model", tmp_path / "own.keras", "--json", picture_file(tmp_path, RAMP)
    )
    assert (status, out, len(err)) == (1, "", 1)
    assert "own gives NaN or infinity" in err[0]
