"""predict.py on exported folders of OpenVINO and Core ML."""

import functools
import json

import numpy as np
import pytest
import small_models
from PIL import Image

from collaborative import predict
from collaborative.deployment import formats


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, predict)


def exported(directory, form, batch=None):
    """A folder as export.py leaves it, by its least: the artifact, and what it is."""
    network = small_models.linear("a")
    metadata = {
        "format": form,
        "file": formats.FILES[form],
        "member": "a",
        "outputs": "logits",
        "class_names": ["one", "two", "three"],
        "input": {"shape": [batch, 8, 8, 1]},
    }
    (directory / "metadata.json").write_text(json.dumps(metadata))
    artifact = directory / formats.FILES[form]
    if form == "coreml":
        artifact.mkdir()
    else:
        formats.write(network, artifact, form, batch=batch)
    return network, artifact


@pytest.fixture
def picture(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(levels).save(path)
    return path, levels[None, ..., None].astype(np.float32)


@pytest.mark.parametrize(
    "damage",
    [
        {"outputs": "x"},
        {"file": 3},
        {"member": None},
        {"class_names": None},
        {"class_names": [1, 2, 3]},
        {"class_names": "012"},
        {"input": {}},
        {"input": {"shape": []}},
        {"input": {"shape": [None, "x"]}},
    ],
)
def test_damaged_metadata_is_one_line(damage, picture, tmp_path, command):
    exported(tmp_path, "keras")
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    status, out, err = command("--model", tmp_path, picture[0])
    assert (status, out) == (1, "")
    assert len(err) == 1 and f"{path} is damaged: export the network again" in err[0]


def test_metadata_nested_too_deeply_is_one_line(picture, tmp_path, command):
    exported(tmp_path, "keras")
    path = tmp_path / "metadata.json"
    path.write_text(100_000 * "[")
    status, out, err = command("--model", tmp_path, picture[0])
    assert (status, out, len(err)) == (1, "", 1)
    assert f"{path} is damaged (it is nested too deeply)" in err[0]


def test_as_many_classes_as_names(picture, tmp_path, command):
    exported(tmp_path, "keras")
    path = tmp_path / "metadata.json"
    names = {"class_names": ["one", "two"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | names))
    status, out, err = command("--model", tmp_path, picture[0])
    assert (status, out, len(err)) == (1, "", 1)
    assert "a has 3 classes, and the file beside it names 2" in err[0]


@pytest.mark.parametrize("batch", [None, 3])
def test_openvino(batch, picture, tmp_path, command):
    pytest.importorskip("openvino")
    path, images = picture
    network, artifact = exported(tmp_path, "openvino", batch)
    logits = np.array(network(images), np.float64)[0]
    probabilities = np.exp(logits) / np.exp(logits).sum()
    for model in (tmp_path, artifact):
        status, out, err = command("--model", model, "--json", path)
        assert (status, err) == (0, [])
        (found,) = json.loads(out)["pictures"]
        given = {a["class"]: a["probability"] for a in found["predictions"]["a"]}
        np.testing.assert_allclose(
            [given[name] for name in ("one", "two", "three")], probabilities, atol=1e-5
        )


def test_core_ml_is_refused_in_one_line(picture, tmp_path, command):
    _, artifact = exported(tmp_path, "coreml")
    for model in (tmp_path, artifact):
        status, out, err = command("--model", model, picture[0])
        assert (status, out, len(err)) == (1, "", 1)
        assert "is for Core ML, which only Apple's systems run" in err[0]
