"""Models of one's own, exported on labelled pictures of one's own."""

import functools
import json

import keras
import numpy as np
import pytest
from collaborative.models import EnsembleModel

from collaborative import export
from collaborative.deployment import model_source, runtimes, verification

CLASSES = ("dark", "grey", "light")


def brightness(name, shape):
    """Logits that are right of levels near 0, 100 and 200."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input(shape), *layers], name=name)
    centres = np.array([0, 1, 2], np.float32) * 100
    kernel = np.repeat(centres[None] / 64, 64, axis=0) * 0.01
    model.set_weights([kernel.astype(np.float32), -(centres**2) * 0.01 / 2])
    return model


@pytest.fixture
def arrays(tmp_path):
    """An `.npz` file whose classes can be told by their brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = labels[:, None, None] * 100 + rng.integers(0, 20, (60, 8, 8))
    halves = {
        "x_train": images[:30], "y_train": labels[:30],
        "x_test": images[30:], "y_test": labels[30:],
    }  # fmt: skip
    path = tmp_path / "my.npz"
    np.savez(path, class_names=CLASSES, **halves)
    return path


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, export)


@pytest.fixture
def in_this_process(monkeypatch):
    """Has artifacts run here, not in the fresh process of `test_export`."""

    def run(form, artifact, images):
        function = runtimes.load(form, artifact)
        outputs = runtimes.run_in_batches(function, images)
        return outputs, {"alone": 1.0, "batch": 1.0, "cores": 1}

    monkeypatch.setattr(verification, "run_in_a_fresh_process", run)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8)])
def test_an_ensemble_of_one_s_own(shape, arrays, tmp_path, command):
    path = tmp_path / "mine.keras"
    EnsembleModel([brightness(n, shape) for n in "ab"]).save(path)
    status, out, err = command("--model", path, "--data", arrays)
    assert (status, err) == (0, [])
    directory = tmp_path / "mine-export" / "ensemble-keras"
    assert out.splitlines()[0] == str(directory)
    metadata = json.loads((directory / "metadata.json").read_text())
    assert metadata["class_names"] == list(CLASSES)
    assert metadata["scores"]["test_error"] == 0
    card = " ".join((directory / "README.md").read_text().split())
    assert "Elsewhere: it is from the file `mine.keras`" in card
    assert "Members: a, b." in card
    assert "measured on 30 test images of `my-" in card
    assert str(tmp_path) not in card


def test_names_in_another_order(arrays, tmp_path):
    path = tmp_path / "one.keras"
    brightness("x", (8, 8, 1)).save(path)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(reversed(CLASSES)))
    source = model_source.open_source(path, str(arrays), labels)
    assert source.predictor_names == ("one",)
    assert source.class_names == tuple(reversed(CLASSES))
    # Of the classes only grey has kept its place.
    error = source.test_scores("one")["test_error"]
    assert error == pytest.approx(2 / 3)


def test_classes_that_the_labels_have_not(arrays, tmp_path, command):
    path = tmp_path / "one.keras"
    brightness("x", (8, 8, 1)).save(path)
    labels = tmp_path / "labels.txt"
    labels.write_text("dark\ngrey\nbright\n")
    status, _, err = command("--model", path, "--data", arrays, "--labels", labels)
    assert (status, len(err)) == (1, 1)
    assert "my has the class light, which" in err[0]


@pytest.mark.parametrize(
    "arguments, status, said",
    [
        (("--model", "one.keras"), 2, "--model and --data"),
        (("--run", "a", "--model", "one.keras"), 2, "give --run, the directory of"),
        (("--model", "gone.keras", "--data", "my.npz"), 1, "there is no file gone"),
        (("--model", "my.npz", "--data", "my.npz"), 1, "is no Keras model"),
        (("--model", "soft.keras", "--data", "my.npz"), 1, "must return logits"),
        (("--model", "five.keras", "--data", "my.npz"), 1, "has 5 classes, and my 3"),
        (("--model", "rgb.keras", "--data", "my.npz"), 1, "takes images 8x8x3, and"),
        (
            ("--model", "one.keras", "--data", "my.npz", "--member", "b"),
            2,
            "one of one",
        ),
        (
            ("--model", "one.keras", "--data", "my.npz", "--quantize", "float16"),
            2,
            "works with --format litert or openvino or coreml, got keras",
        ),
    ],
)
def test_one_line_for_a_person(
    arguments, status, said, arrays, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    brightness("x", (8, 8, 1)).save("one.keras")
    for name, shape, units, activation in (
        ("soft", (8, 8, 1), 3, "softmax"),
        ("five", (8, 8, 1), 5, None),
        ("rgb", (8, 8, 3), 3, None),
    ):
        dense = keras.layers.Dense(units, activation)
        keras.Sequential([keras.Input(shape), keras.layers.Flatten(), dense]).save(
            f"{name}.keras"
        )
    got, out, err = command(*arguments)
    assert (got, out, len(err)) == (status, "", 1)
    assert said in err[0]
    assert not list(tmp_path.glob("*-export"))


@pytest.mark.usefixtures("in_this_process")
def test_sixteen_bits(arrays, tmp_path, command):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "mine.keras"
    brightness("x", (8, 8, 1)).save(path)
    arguments = ("--model", path, "--data", arrays, "--format", "litert")
    status, out, err = command(*arguments, "--quantize", "float16")
    assert (status, err) == (0, [])
    assert "error 0.00 -> 0.00 %, no loss" in out
    directory = tmp_path / "mine-export" / "mine-litert-float16"
    assert (directory / "labels.txt").read_text() == "dark\ngrey\nlight\n"
    checked = json.loads((directory / "metadata.json").read_text())["verification"]
    assert checked["float16_error"] == 0 and checked["largest_difference"] < 0.1
    card = " ".join((directory / "README.md").read_text().split())
    assert "Its weights have 16 bits" in card
    assert "its outputs differ from the float32 network's by" in card
