"""LiteRT for Microcontrollers: what it measures, and what it does not run."""

import importlib.util
import subprocess

import keras
import numpy as np
import pytest
import small_models

from collaborative.deployment import formats, micro
from collaborative.deployment.verification import VerificationFailed

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
needs_package = pytest.mark.skipif(
    importlib.util.find_spec(micro.PACKAGE) is None, reason="needs tflite-micro"
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    path = tmp_path_factory.mktemp("micro") / "model.tflite"
    formats.write(small_models.linear("a"), path, "litert")
    return path


@needs_package
def test_what_it_measures(artifact, capfd):
    found = micro.check(artifact, IMAGES)["micro"]
    assert found["images"] == micro.IMAGES
    assert found["changed_answers"] == 0 and found["largest_difference"] < 1e-3
    assert 64 * 4 < found["arena_bytes"] < 10_000  # at least its input
    assert capfd.readouterr() == ("", "")


@needs_package
def test_images_at_once(tmp_path):
    path = tmp_path / "model.tflite"
    formats.write(small_models.linear("a"), path, "litert", batch=8)
    found = micro.check(path, IMAGES)["micro"]
    assert found["changed_answers"] == 0 and found["largest_difference"] < 1e-3
    assert found["arena_bytes"] > 8 * 64 * 4


@needs_package
def test_an_operation_that_it_has_not(tmp_path):
    given = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(given)
    network = keras.Model(given, keras.ops.top_k(flat, 3)[0], name="most")
    formats.write(network, tmp_path / "model.tflite", "litert")
    found = micro.check(tmp_path / "model.tflite", IMAGES)["micro"]
    assert set(found) == {"refused"} and "TOPK_V2" in found["refused"]


@needs_package
def test_what_is_no_model_is_no_answer(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_text("no model")
    with pytest.raises(VerificationFailed, match="cannot be checked for microcontr"):
        micro.check(path, IMAGES)


def test_without_the_package_nothing_is_said(artifact, monkeypatch):
    monkeypatch.setattr(micro, "PACKAGE", "a_package_that_nobody_has")
    assert micro.check(artifact, IMAGES) == {}


@pytest.mark.parametrize(
    "status, said, refused",
    [
        (-11, "", "it ended by signal 11"),
        (micro.REFUSED, "\n no such operation.\nlast\n", "no such operation"),
        (micro.REFUSED, "", "it does not say why"),
        (None, "", f"it takes more than {micro.SECONDS} s"),
    ],
)
def test_why_it_does_not_run_a_network(status, said, refused, monkeypatch):
    def run(command, timeout, **kwargs):
        if status is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, status, "", said)

    monkeypatch.setattr(micro, "PACKAGE", "json")
    monkeypatch.setattr(subprocess, "run", run)
    assert micro.check("model.tflite", IMAGES) == {"micro": {"refused": refused}}


@pytest.mark.parametrize("said", ["", "Traceback\nAttributeError: no such name"])
def test_another_failure_is_told(said, monkeypatch):
    process = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(micro, "PACKAGE", "json")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: process)
    last = said.splitlines()[-1] if said else "it ended without a word"
    with pytest.raises(VerificationFailed, match=last):
        micro.check("model.tflite", IMAGES)
