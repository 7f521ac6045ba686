"""Whole runs: what they leave, how they go on, and settings that do not fit."""

import dataclasses
import gc
import json

import keras
import numpy as np
import pytest
from conftest import ROOT
from small_models import StopAfter
from tensorflow.python.framework.func_graph import FuncGraph
from tiny_runs import CONFIG, ONE_EPOCH, train

from collaborative import datasets, logger, resnet
from collaborative.experiments.setting import ConfigError
from collaborative.runs import reader
from collaborative.system import environment
from collaborative.training import train as trainer

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny, small_runs):
    """The result of a run of `CONFIG`, tried on foreign images too; only to be read."""
    negatives = datasets.Examples(255 - tiny.test.images, tiny.test.labels)
    foreign = dataclasses.replace(tiny, name="other", test=negatives)
    return train(CONFIG, tiny, tmp_path_factory.mktemp("whole"), foreign=foreign)


def test_a_run_leaves_its_files(whole):
    result = whole
    assert result.run_dir == CONFIG.run_dir(result.run_dir.parents[3])
    assert {path.name for path in result.run_dir.iterdir()} == {
        "config.json",
        "stats.pkl",
        "error.png",
        "cost.png",
        "tensorboard",
        "model.keras",
        "lock",
    }
    config = json.loads((result.run_dir / "config.json").read_text())
    assert config["config"] == CONFIG.to_json()
    assert config["data"] == {"train": 64, "validation": 0, "test": 32}
    assert config["versions"]["keras"] == keras.__version__
    assert result.statistics["end_time"] > result.statistics["start_time"]
    assert set(result.statistics["models"]) == {"ST", "ST_2", "ensemble"}


def test_the_saved_model_has_the_logged_results(whole, tiny):
    model = keras.models.load_model(whole.run_dir / "model.keras")
    metrics = model.evaluate(
        tiny.test.images, tiny.test.labels, verbose=0, return_dict=True
    )
    for name, curves in whole.statistics["models"].items():
        assert metrics[f"{name}_error"] == pytest.approx(curves["test_error"][-1])
        assert metrics[f"{name}_cost"] == pytest.approx(curves["test_cost"][-1], 1e-4)


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    tmp_path, tiny, whole, monkeypatch
):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tiny, tmp_path / "parts", callbacks=[StopAfter(2)])
    assert trainer.finished_result(CONFIG, tmp_path / "parts") is None
    device = environment.device()
    monkeypatch.setattr(environment, "device", lambda: "another")
    said = []
    parts = trainer.train(CONFIG, tiny, tmp_path / "parts", say=said.append)
    assert [line.startswith("goes on after epoch 2 of 3") for line in said] == [True]
    record = json.loads((parts.run_dir / "config.json").read_text())
    (begun,) = record["earlier"]
    assert (begun["epochs"], begun["device"]) == (2, device)
    assert record["device"] == "another"
    for name, curves in whole.statistics["models"].items():
        for statistic, curve in curves.items():
            other = parts.statistics["models"][name][statistic]
            np.testing.assert_array_equal(curve, other)
    models = [
        keras.models.load_model(result.run_dir / "model.keras")
        for result in (whole, parts)
    ]
    for one, other in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_member(tmp_path, tiny):
    config = dataclasses.replace(CONFIG, members=("ST",), method=None, epochs=1)
    result = train(config, tiny, tmp_path)
    assert set(result.statistics["models"]) == {"ST"}
    assert result.run_dir == config.run_dir(tmp_path)


def test_validation_images_are_measured_each_epoch_and_test_images_once(tmp_path, tiny):
    part = datasets.Examples(tiny.train.images[48:], tiny.train.labels[48:])
    split = dataclasses.replace(tiny, validation=part)
    config = dataclasses.replace(CONFIG, validation=16)
    curves = train(config, split, tmp_path).statistics["models"]["ensemble"]
    assert np.isfinite(curves["validation_error"]).all()
    assert np.isnan(curves["test_error"]).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "precision", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)]
)
@pytest.mark.eager(False)  # of many steps
def test_mixed_precision_trains(precision, tmp_path, tiny):
    config = dataclasses.replace(CONFIG, precision=precision, epochs=10)
    statistics = train(config, tiny, tmp_path).statistics
    models = statistics["models"]
    assert models["ensemble"]["train_cost"][-1] < models["ensemble"]["train_cost"][0]
    # What is recorded at the end is computed as the curves are.
    for name, recorded in statistics["evaluation"]["models"].items():
        assert recorded["nll"] == pytest.approx(models[name]["test_cost"][-1], rel=1e-5)


def test_batch_larger_than_the_data(tmp_path, tiny):
    config = dataclasses.replace(CONFIG, batch_size=65)
    with pytest.raises(ConfigError, match="batch_size 65 is larger than the 64 train"):
        train(config, tiny, tmp_path)
    assert not list(tmp_path.iterdir())


def test_images_that_cannot_be_halved(tmp_path, tiny, monkeypatch):
    with_a_reduction = resnet.ResNetConfig(bricks=2, repetitions=1, filters=4)
    monkeypatch.setitem(resnet.PRESETS, "ST", with_a_reduction)
    odd = datasets.Examples(tiny.train.images[:, :7, :7], tiny.train.labels)
    with pytest.raises(ConfigError, match="ST does not fit: images of 7x7"):
        train(CONFIG, dataclasses.replace(tiny, train=odd), tmp_path)


def test_diverging_run_stops_and_keeps_what_was_logged(tmp_path, tiny):
    config = dataclasses.replace(CONFIG, learning_rate=1e30)
    with pytest.raises(logger.TrainingDiverged, match="total cost is"):
        train(config, tiny, tmp_path)


MIRRORED = """
import sys
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from collaborative import datasets, logger, resnet
from collaborative.experiments.config import ExperimentConfig
from collaborative.training import building
from collaborative.training import train as trainer
from matplotlib.figure import Figure
resnet.PRESETS["ST"] = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
logger.draw_curves = lambda *_: Figure((1, 1), dpi=10)
data = datasets.load("digits", truncate=128)
results = []
for strategy in ("single", "mirrored"):
    # Of few steps a graph takes longer to be made than it saves.
    tf.config.run_functions_eagerly(strategy == "single")
    config = ExperimentConfig(
        members=("ST", "ST"), epochs=2, truncate=128, strategy=strategy
    )
    results.append(trainer.train(config, data, sys.argv[1] + strategy).statistics)
for name, curves in results[0]["models"].items():
    for statistic, values in curves.items():
        other = results[1]["models"][name][statistic]
        np.testing.assert_allclose(other, values, rtol=2e-3, err_msg=statistic)
for statistic, values in results[0]["totals"].items():
    np.testing.assert_allclose(results[1]["totals"][statistic], values, rtol=2e-3)
"""


@pytest.mark.slow
def test_two_devices_give_the_run_of_one(tmp_path, python):
    """In a process of its own, since devices are set once."""
    run = python("-c", MIRRORED, f"{tmp_path}/", cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]


def test_a_finished_run_is_evaluated(whole, tiny):
    found = reader.read_statistics(whole.run_dir / "stats.pkl")["evaluation"]
    model = keras.models.load_model(whole.run_dir / "model.keras")
    answers = model.predict(tiny.test.images, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(found["answers"]["ensemble"], answers)
    assert len(set(found["images"].tolist())) == 32
    np.testing.assert_array_equal(found["labels"], tiny.test.labels)
    for name, curves in whole.statistics["models"].items():
        scores = found["models"][name]
        assert scores["error"] == pytest.approx(curves["test_error"][-1])
        assert scores["nll"] == pytest.approx(curves["test_cost"][-1], 1e-4)
        assert scores["confusion"].sum() == 32
    assert found["foreign"] == "other"
    assert all(0 <= area <= 1 for area in found["detection"].values())


@pytest.mark.slow
def test_balanced_classes(tmp_path, tiny):
    """Of a class with a tenth of the images, the model gets more right."""
    kept = np.flatnonzero((tiny.train.labels != 2) | (np.arange(64) % 8 == 0))
    few = datasets.Examples(tiny.train.images[kept], tiny.train.labels[kept])
    unequal = dataclasses.replace(tiny, train=few)
    errors = {}
    for choice in (None, "balanced"):
        config = dataclasses.replace(CONFIG, class_weight=choice, batch_size=8)
        result = train(config, unequal, tmp_path)
        assert ("class_weight=balanced" in str(result.run_dir)) == bool(choice)
        scores = result.statistics["evaluation"]["models"]["ensemble"]
        assert scores["balanced_error"] == pytest.approx(scores["class_errors"].mean())
        errors[choice] = scores["class_errors"][2]
        model = keras.models.load_model(result.run_dir / "model.keras")
        assert bool(model.class_weight) == bool(choice)
    assert errors["balanced"] <= errors[None]


@pytest.mark.eager(False)
def test_a_run_leaves_no_graphs_behind(tmp_path, tiny):
    def graphs():
        gc.collect()
        found = [o for o in gc.get_objects() if isinstance(o, FuncGraph)]
        return sum(len(graph.get_operations()) > 100 for graph in found)

    before = graphs()
    train(ONE_EPOCH, tiny, tmp_path)
    assert graphs() == before
