"""Runs beside others: told apart, left alone, started from, begun anew."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from small_models import StopAfter
from tiny_runs import CONFIG, ONE_EPOCH, train

from collaborative.runs import run, run_table
from collaborative.system import files
from collaborative.training import building
from collaborative.training import train as trainer

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


@pytest.fixture(scope="module")
def short(tmp_path_factory, tiny, small_runs):
    """The directory of a run of `ONE_EPOCH`; only to be copied."""
    return train(ONE_EPOCH, tiny, tmp_path_factory.mktemp("short")).run_dir


@pytest.fixture
def first(short, tmp_path):
    """The directory of that run, in `tmp_path`, as if it had been trained there."""
    return shutil.copytree(short, ONE_EPOCH.run_dir(tmp_path))


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


def test_a_run_that_another_process_is_at_is_left_alone(tmp_path, tiny):
    with (
        files.locked(CONFIG.run_dir(tmp_path)),
        pytest.raises(files.Busy, match="another process is writing"),
    ):
        train(CONFIG, tiny, tmp_path)


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
