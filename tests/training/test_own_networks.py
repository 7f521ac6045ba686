"""Runs with what a person registered: networks, callbacks, files of models."""

import json

import keras
import numpy as np
import pytest
from small_models import StopAfter

from collaborative import datasets, models, register_callback, register_network
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs.run_table import deviations
from collaborative.system import digests, plugins
from collaborative.training import train

pytestmark = pytest.mark.eager


@pytest.fixture
def linear(registered):
    @register_network("linear")
    def linear(input_shape, num_classes):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        return keras.Sequential(
            [keras.Input(input_shape), *layers, keras.layers.Dense(num_classes)]
        )


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", truncate=128)


def settings(**given):
    return ExperimentConfig(**{"truncate": 128, "epochs": 2} | given)


def test_a_file_s_network_is_trained_on(linear, digits, tmp_path):
    first = settings(members=("linear",), epochs=1)
    run_dir = train.train(first, digits, tmp_path).run_dir
    trained = models.load_model(run_dir / "model.keras", compile=False)
    (member,) = trained.members
    path = tmp_path / "my.keras"
    member.save(path)
    lines = []
    config = settings(
        members=(str(path), str(path)), epochs=1, learning_rate=1e-9, weight_decay=0.0
    )
    run_dir = train.train(config, digits, tmp_path, say=lines.append).run_dir
    assert lines[0].startswith("my and my_2 start from equal weights")
    further = models.load_model(run_dir / "model.keras", compile=False)
    np.testing.assert_allclose(
        further["my"].get_weights()[0], member.get_weights()[0], atol=1e-6
    )
    record = json.loads((run_dir / "config.json").read_text())
    assert record["network_files"][str(path)] == digests.mark_of(path)
    assert str(tmp_path) not in str(run_dir.relative_to(tmp_path))


@pytest.mark.slow
def test_averages_of_the_weights(linear, digits, tmp_path):
    register_callback("ema")(lambda config: keras.callbacks.SwapEMAWeights())
    config = settings(members=("linear", "linear"), callbacks=("ema",))
    assert "callbacks ema" in deviations(config)
    run_dir = train.train(config, digits, tmp_path).run_dir
    assert run_dir.parts[-2] == "L2_0.01,epochs=2,truncate=128,callbacks=ema"
    plain_dir = train.train(
        settings(members=("linear", "linear")), digits, tmp_path
    ).run_dir
    averaged, plain = (
        models.load_model(d / "model.keras", compile=False).get_weights()
        for d in (run_dir, plain_dir)
    )
    assert not np.allclose(averaged[0], plain[0])


def test_a_run_that_goes_on_with_another_plugin(
    linear, digits, tmp_path, monkeypatch, registered
):
    marks = [{"file": "my_code.py", "bytes": 1, "sha256": "a"}]
    monkeypatch.setattr(plugins, "_given", marks)
    config = settings(members=("linear",), epochs=2)

    with pytest.raises(KeyboardInterrupt):
        train.train(config, digits, tmp_path, callbacks=[StopAfter(1)])
    assert list((config.run_dir(tmp_path) / "checkpoint").iterdir())
    marks[0] = marks[0] | {"sha256": "b"}
    lines = []
    train.train(config, digits, tmp_path, say=lines.append)
    assert lines[0].startswith("goes on after epoch 1 of 2")
    assert lines[1] == "since it began, my_code.py has changed"
