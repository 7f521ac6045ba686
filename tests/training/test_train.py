import dataclasses
import errno
import gc
import json
import os
import shutil

import keras
import numpy as np
import pytest
from conftest import ROOT, logged_run
from small_models import StopAfter
from tensorflow.python.framework.func_graph import FuncGraph

from collaborative import datasets, logger, register_network, resnet
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.runs import reader, run, run_table
from collaborative.system import files
from collaborative.training import building
from collaborative.training import train as trainer

CONFIG = ExperimentConfig("tiny", members=("ST", "ST"), epochs=3, batch_size=32)
ONE_EPOCH = dataclasses.replace(CONFIG, epochs=1)


pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


@pytest.fixture(scope="module")
def tiny(images_and_labels):
    """A data set of 64 training and 32 test images in three classes."""
    images, labels = images_and_labels
    train = datasets.Examples(images[:64], labels[:64])
    test = datasets.Examples(images[64:], labels[64:])
    none = datasets.Examples(images[:0], labels[:0])
    return datasets.Dataset("tiny", ("dark", "grey", "light"), train, none, test)


def silent(_):
    pass


def train(config, dataset, log_dir, **kwargs):
    return trainer.train(config, dataset, log_dir, say=silent, **kwargs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny, small_runs):
    """The result of a run of `CONFIG`, tried on foreign images too; only to be read."""
    negatives = datasets.Examples(255 - tiny.test.images, tiny.test.labels)
    foreign = dataclasses.replace(tiny, name="other", test=negatives)
    return train(CONFIG, tiny, tmp_path_factory.mktemp("whole"), foreign=foreign)


@pytest.fixture(scope="module")
def short(tmp_path_factory, tiny, small_runs):
    """The directory of a run of `ONE_EPOCH`; only to be copied."""
    return train(ONE_EPOCH, tiny, tmp_path_factory.mktemp("short")).run_dir


@pytest.fixture
def first(short, tmp_path):
    """The directory of that run, in `tmp_path`, as if it had been trained there."""
    return shutil.copytree(short, ONE_EPOCH.run_dir(tmp_path))


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


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path, tiny, whole):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tiny, tmp_path / "parts", callbacks=[StopAfter(2)])
    assert trainer.finished_result(CONFIG, tmp_path / "parts") is None
    said = []
    parts = trainer.train(CONFIG, tiny, tmp_path / "parts", say=said.append)
    assert [line.startswith("goes on after epoch 2 of 3") for line in said] == [True]
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


def test_a_run_that_was_killed_before_its_end_was_written_is_finished(
    tmp_path, tiny, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    config = dataclasses.replace(CONFIG, epochs=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_finish", killed)
        train(config, tiny, tmp_path)
    assert trainer.finished_result(config, tmp_path) is None
    result = train(config, tiny, tmp_path)
    assert result.statistics["end_time"] and len(result.statistics["seconds"]) == 1


@pytest.mark.eager(False)  # eagerly, a strategy's threads can end TensorFlow 2.21
def test_finished_and_other_runs_are_told_apart(tmp_path, tiny, first):
    assert trainer.finished_result(ONE_EPOCH, tmp_path / "elsewhere") is None
    found = trainer.finished_result(ONE_EPOCH, tmp_path)
    assert found.statistics["end_time"]
    other = dataclasses.replace(ONE_EPOCH, strategy="mirrored")
    message = r"a run with strategy 'single', not 'mirrored'.*--overwrite"
    with pytest.raises(trainer.RunError, match=message):
        trainer.finished_result(other, tmp_path)
    with pytest.raises(trainer.RunError, match=message):
        train(other, tiny, tmp_path)
    result = train(other, tiny, tmp_path, overwrite=True)
    assert result.statistics["params"]["strategy"] == "mirrored"


def test_a_damaged_config_is_not_overwritten(tmp_path, tiny):
    run_dir = CONFIG.run_dir(tmp_path)
    run_dir.mkdir(parents=True)
    (run_dir / "config.json").write_text("{")
    with pytest.raises(trainer.RunError, match=r"config.json is damaged"):
        train(CONFIG, tiny, tmp_path)
    assert (run_dir / "config.json").read_text() == "{"


def test_a_finished_run_without_its_config_is_not_overwritten(tmp_path):
    logged_run(CONFIG, tmp_path, finished=True)
    (CONFIG.run_dir(tmp_path) / "config.json").unlink()
    with pytest.raises(
        trainer.RunError, match=r"config.json is not there: put it back"
    ):
        trainer.finished_result(CONFIG, tmp_path)


def test_statistics_that_cannot_be_read_are_not_overwritten(tmp_path):
    path = CONFIG.run_dir(tmp_path) / "stats.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not ours")
    with pytest.raises(trainer.RunError, match=r"stats.pkl: not a pickle.*--overwr"):
        trainer.finished_result(CONFIG, tmp_path)


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


def assert_same(one, other, rtol):
    """That two runs have the same statistics, up to `rtol`."""
    for name, curves in one["models"].items():
        for statistic, values in curves.items():
            np.testing.assert_allclose(
                other["models"][name][statistic], values, rtol, err_msg=statistic
            )
    for statistic, values in one["totals"].items():
        np.testing.assert_allclose(
            other["totals"][statistic], values, rtol, err_msg=statistic
        )


@pytest.fixture
def flat(registered, monkeypatch):
    """A network that XLA compiles soon, and epochs of 5 steps in blocks of 3."""
    monkeypatch.setattr(building, "_LONGEST_BLOCK", {False: 3})

    @register_network("flat")
    def build(input_shape, num_classes):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        return keras.Sequential([*layers, keras.layers.Dense(num_classes)])

    return dataclasses.replace(CONFIG, members=("flat", "flat"), batch_size=12)


TAUGHT = {"members": ("flat",), "teacher": ("flat",), "method": "KL"}
BEYOND_THE_PAPER = {
    "augment": True,
    "alpha_schedule": "ramp_up:0.5",
    "class_weight": "balanced",
    "weight_decay": 1e-3,
}


@pytest.mark.parametrize(
    "settings",
    [
        {"unlabeled": "noise", **BEYOND_THE_PAPER},
        *(
            pytest.param(settings, marks=pytest.mark.slow)
            for settings in (
                {},
                {"precision": "float16"},
                {"labeled": 0.5, "unlabeled": "holdout:0.5"},
                {
                    "labeled": 0.5,
                    "unlabeled": "holdout:0.5",
                    "unlabeled_steps": "separate",
                },
                TAUGHT,
                TAUGHT | {"augment": True},
            )
        ),
    ],
    ids=", ".join,
)
@pytest.mark.eager(False)
def test_xla_computes_blocks_of_steps(settings, tmp_path, tiny, flat):
    """The run that one has step by step."""
    config = dataclasses.replace(flat, **settings)
    data = datasets.with_few_labels(tiny, config.labeled, config.holdout)
    if config.unlabeled == datasets.NOISE:
        data = dataclasses.replace(data, unlabeled=datasets.NOISE)
    results = {}
    for jit in ("on", "off"):
        config = dataclasses.replace(config, jit=jit)
        if config.teacher:
            train(config.teacher_config, data, tmp_path / jit)
        results[jit] = train(config, data, tmp_path / jit).statistics
    assert_same(results["off"], results["on"], 1e-3)


@pytest.mark.slow
@pytest.mark.eager(False)
def test_an_interrupted_run_of_blocks_goes_on_as_if_it_had_not_been(
    tmp_path, tiny, flat
):
    config = dataclasses.replace(flat, jit="on", **BEYOND_THE_PAPER)
    whole = train(config, tiny, tmp_path / "whole").statistics
    with pytest.raises(KeyboardInterrupt):
        train(config, tiny, tmp_path, callbacks=[StopAfter(1)])
    assert_same(whole, train(config, tiny, tmp_path).statistics, rtol=0)


def test_a_run_that_another_process_is_at_is_left_alone(tmp_path, tiny):
    with (
        files.locked(CONFIG.run_dir(tmp_path)),
        pytest.raises(files.Busy, match="another process is writing"),
    ):
        train(CONFIG, tiny, tmp_path)


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


@pytest.fixture
def full_disk(monkeypatch):
    """Makes the disk full at the so many-th file that is written whole."""
    sync = files._sync

    def make(number):
        files_left = iter(range(number))

        def full(path):
            is_file = path.name.startswith(files.TEMPORARY_PREFIX)
            if is_file and next(files_left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(path)

        monkeypatch.setattr(files, "_sync", full)

    return make


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path, tiny, full_disk):
    """Written are the record; checkpoint, curves and statistics; model, curves, and
    the statistics again, which say that the run is finished."""
    run_dir = ONE_EPOCH.run_dir(tmp_path)
    record = {"config.json", "lock", "tensorboard"}
    for number, left in (
        (1, record | {"checkpoint"}),
        (2, record | {"checkpoint", "epoch_0001.npz"}),
        (4, record | {"checkpoint", "epoch_0001.npz", "model.keras"}),
    ):
        full_disk(number)
        with pytest.raises(OSError, match="No space left on device"):
            train(ONE_EPOCH, tiny, tmp_path)
        names = {path.name for path in run_dir.rglob("*")}
        curves = {"error.png", "cost.png", "train", "test"}
        curves |= {name for name in names if name.startswith("events.")}
        assert names - curves == left
        assert trainer.finished_result(ONE_EPOCH, tmp_path) is None
    full_disk(99)
    assert len(train(ONE_EPOCH, tiny, tmp_path).statistics["seconds"]) == 1


def test_too_little_room_is_told_before_the_first_step(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(trainer.space, "free_disk", lambda directory: 999_999)
    said = r"needs 1\.\d MB, and 1,000\.0 kB are free"
    with pytest.raises(trainer.space.DiskFull, match=said):
        train(ONE_EPOCH, tiny, tmp_path)
    assert [p.name for p in ONE_EPOCH.run_dir(tmp_path).iterdir()] == ["lock"]


def said_of(config, dataset, log_dir, **kwargs):
    """The result of a run and what it said."""
    said = []
    return trainer.train(config, dataset, log_dir, say=said.append, **kwargs), said


def test_a_run_starts_from_the_weights_of_another(tmp_path, tiny, first):
    still = {"learning_rate": 1e-30, "weight_decay": 0.0}
    config = dataclasses.replace(ONE_EPOCH, init_from=str(first), **still)
    second, said = said_of(config, tiny, tmp_path)
    assert said == [f"starts from the weights of {first}"]
    assert second.run_dir != first
    record = json.loads((second.run_dir / "config.json").read_text())
    assert record["config"]["init_from"] == str(first)
    assert "init_from" in run_table.deviations(config)
    one, other = (
        keras.models.load_model(run_dir / "model.keras")
        for run_dir in (first, second.run_dir)
    )
    for left, right in zip(
        one.trainable_variables, other.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_one_member_starts_from_an_ensemble_and_split_otherwise_is_told(
    tmp_path, tiny, first
):
    alone = {"members": ("ST",), "method": "Single", "seed": 5}
    config = dataclasses.replace(ONE_EPOCH, init_from=str(first), **alone)
    _, said = said_of(config, tiny, tmp_path)
    assert said[1].startswith("which may have been trained on test images of this run")


def test_a_start_that_may_have_seen_validation_images_is_told(tiny, first):
    config = dataclasses.replace(ONE_EPOCH, init_from=str(first), validation=8)
    model = building.build_model(config, tiny, steps=1)
    said = building.start_from(model, config)
    assert "trained on test or validation images of this run" in said[1]
    assert said[1].endswith("split, seed, truncate, validation")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"init_from": "nowhere"}, "nowhere holds no finished run"),
        ({"members": ("ST", "M")}, "no member 'M': the members are ST, ST_2"),
    ],
)
def test_a_run_that_cannot_be_started_from(changes, message, tmp_path, tiny, first):
    given = {"init_from": str(first)} | changes
    with pytest.raises(run.UnusableRun, match=message):
        train(dataclasses.replace(ONE_EPOCH, **given), tiny, tmp_path)


@pytest.mark.slow
def test_a_new_run_beside_one_that_was_interrupted_is_told(tmp_path, tiny):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tiny, tmp_path, callbacks=[StopAfter(1)])
    stopped = CONFIG.run_dir(tmp_path)
    changed = dataclasses.replace(CONFIG, batch_size=16)
    _, said = said_of(changed, tiny, tmp_path)
    assert said == [
        f"begins anew: {stopped} stopped after 1 of 3 epochs and goes on with its own "
        "batch_size alone, 32, not 16"
    ]
    # Nor are other methods and seeds the same experiment.
    for other in ({"alpha": 0.5}, {"seed": 1}):
        assert said_of(dataclasses.replace(CONFIG, **other), tiny, tmp_path)[1] == []


def test_more_epochs_than_a_finished_run_had_are_told(tmp_path, tiny, first):
    _, said = said_of(dataclasses.replace(CONFIG, epochs=2), tiny, tmp_path)
    assert said == [
        f"begins anew: {first} is finished after 1 epoch, and its learning "
        f"rates ended with them; --init_from {first} starts from its weights"
    ]
