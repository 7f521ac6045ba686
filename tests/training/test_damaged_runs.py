"""Kills, damaged files and full disks: what was there is not lost or overwritten."""

import dataclasses
import errno
import json
import os
import shutil

import pytest
from logged_runs import logged_run
from small_models import StopAfter
from tiny_runs import CONFIG, ONE_EPOCH, train

from collaborative.runs import standings
from collaborative.system import files
from collaborative.training import train as trainer

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


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


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"config": {}, "plugins": 5}',
        '{"config": {}, "plugins": [{"file": null, "sha256": 3}]}',
        '{"config": {}, "earlier": 5}',
        '{"config": {}, "data": []}',
        '{"config": {}, "data": {"train": "400"}}',
        '{"config": {}, "class_names": [1, "a"]}',
        '{"config": {}, "fingerprint": []}',
        '{"config": {}, "fingerprint": {"dataset": "x"}}',
    ],
)
def test_a_damaged_config_is_not_overwritten(tmp_path, tiny, content):
    run_dir = CONFIG.run_dir(tmp_path)
    run_dir.mkdir(parents=True)
    (run_dir / "config.json").write_text(content)
    with pytest.raises(trainer.RunError, match=r"config.json is damaged"):
        train(CONFIG, tiny, tmp_path)
    assert (run_dir / "config.json").read_text() == content


@pytest.mark.parametrize("name", ["checkpoint", "tensorboard"])
def test_a_file_where_a_directory_goes_is_told_before_training(tmp_path, tiny, name):
    path = CONFIG.run_dir(tmp_path) / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(trainer.RunError, match=f"{path}: move it away, or use --over"):
        train(CONFIG, tiny, tmp_path)
    assert path.read_text() == "mine"


def test_a_run_that_goes_on_without_its_config_says_so(tmp_path, tiny):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tiny, tmp_path, callbacks=[StopAfter(1)])
    path = CONFIG.run_dir(tmp_path) / "config.json"
    path.unlink()
    said = []
    trainer.train(CONFIG, tiny, tmp_path, say=said.append)
    assert [line for line in said if f"there is no {path}: it is written anew" in line]
    assert json.loads(path.read_text())["earlier"] == [{"epochs": 1}]


def test_without_a_checkpoint_the_same_data_are_learnt_again(tmp_path, tiny):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tiny, tmp_path, callbacks=[StopAfter(2)])
    shutil.rmtree(CONFIG.run_dir(tmp_path) / "checkpoint")
    names = tuple(f"other {name}" for name in tiny.class_names)
    other = dataclasses.replace(tiny, class_names=names)
    with pytest.raises(trainer.RunError, match="was trained on other data"):
        train(CONFIG, other, tmp_path)
    said = []
    trainer.train(CONFIG, tiny, tmp_path, say=said.append)
    assert "of the 2 epochs done no checkpoint is left: trains from" in said[0]


def test_checkpoints_of_another_experiment_are_not_taken(tmp_path, tiny):
    other = dataclasses.replace(CONFIG, seed=CONFIG.seed + 1)
    for config in (CONFIG, other):
        with pytest.raises(KeyboardInterrupt):
            train(config, tiny, tmp_path, callbacks=[StopAfter(1)])
    checkpoints = CONFIG.run_dir(tmp_path) / "checkpoint"
    shutil.rmtree(checkpoints)
    shutil.copytree(other.run_dir(tmp_path) / "checkpoint", checkpoints)
    with pytest.raises(trainer.RunError, match=r"epoch_0001.npz is of another: put"):
        train(CONFIG, tiny, tmp_path)
    assert [path.name for path in checkpoints.iterdir()] == ["epoch_0001.npz"]


def test_a_finished_run_without_its_statistics_is_not_overwritten(tmp_path, tiny):
    run_dir = train(ONE_EPOCH, tiny, tmp_path).run_dir
    (run_dir / "stats.pkl").unlink()
    before = (run_dir / "model.keras").read_bytes()
    with pytest.raises(trainer.RunError, match="is not there: put it back"):
        train(ONE_EPOCH, tiny, tmp_path)
    assert (run_dir / "model.keras").read_bytes() == before
    stands = standings.standing(ONE_EPOCH, tmp_path)
    assert not stands.is_to_run and "stats.pkl is not there: put it" in stands.reason
    train(ONE_EPOCH, tiny, tmp_path, overwrite=True)
    assert standings.standing(ONE_EPOCH, tmp_path).is_finished


def test_what_is_no_run_s_stays_where_it_is_trained_anew(tmp_path, tiny):
    run_dir = train(ONE_EPOCH, tiny, tmp_path).run_dir
    for path in (run_dir / "notes.txt", run_dir / "mine" / "notes.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (run_dir / "export").mkdir()
    before = (run_dir / "stats.pkl").stat().st_ino
    train(ONE_EPOCH, tiny, tmp_path, overwrite=True)
    assert (run_dir / "stats.pkl").stat().st_ino != before
    assert not (run_dir / "export").exists()
    assert (run_dir / "notes.txt").exists() and (run_dir / "mine/notes.txt").exists()


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
    with pytest.raises(trainer.RunError, match=r"stats.pkl: not a pickle.*--overw"):
        trainer.finished_result(CONFIG, tmp_path)


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
        (3, record | {"checkpoint", "epoch_0001.npz", "model.keras"}),
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
