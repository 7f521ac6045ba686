import dataclasses
import json
import pickle
import shutil

import numpy as np
import pytest
from logged_runs import logged_run

from collaborative import datasets
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.runs import failures, gpus, planning, space, standings
from collaborative.system import files, processor

CONFIG = ExperimentConfig("digits", epochs=10)


def test_standing_is_what_the_files_say(tmp_path):
    run_dir = CONFIG.run_dir(tmp_path)
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("to do")
    assert not run_dir.exists()  # looking at it leaves no trace
    logged_run(CONFIG, tmp_path, epochs=3)
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("interrupted", 3)
    with files.locked(run_dir):
        assert standings.standing(CONFIG, tmp_path) == standings.Standing("running", 3)
    failures.record(run_dir, "no more disk")
    standing = standings.standing(CONFIG, tmp_path)
    assert str(standing) == "failed: no more disk"
    logged_run(CONFIG, tmp_path, epochs=10, finished=True)
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("finished", 10)


def test_checkpoints_say_where_a_run_goes_on(tmp_path):
    logged_run(CONFIG, tmp_path, epochs=3)
    run_dir = CONFIG.run_dir(tmp_path)
    (run_dir / "stats.pkl").unlink()
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("interrupted", 3)
    other = dataclasses.replace(CONFIG, jit="on")
    assert standings.standing(other, tmp_path).state == "in the way"
    logged_run(CONFIG, tmp_path, epochs=3)
    shutil.rmtree(run_dir / "checkpoint")
    stands = standings.standing(CONFIG, tmp_path)
    assert str(stands) == "to do: of the 3 epochs done no checkpoint is left"
    assert planning.left_of(CONFIG, stands) == 10


def test_whole_checkpoints_of_ours_count(tmp_path):
    logged_run(CONFIG, tmp_path, epochs=3)
    checkpoints = CONFIG.run_dir(tmp_path) / "checkpoint"
    (checkpoints / "epoch_0004.npz").write_bytes(b"half of one")
    for name in ("epoch_0005 (1).npz", "epoch_0005_old.npz", "epoch_.npz"):
        shutil.copy(checkpoints / "epoch_0003.npz", checkpoints / name)
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("interrupted", 3)
    (checkpoints / "epoch_0003.npz").rename(checkpoints / "epoch_0020.npz")
    assert planning.left_of(CONFIG, standings.standing(CONFIG, tmp_path)) == 0


def test_seconds_may_be_lacking(tmp_path):
    logged_run(CONFIG, tmp_path, finished=True)
    path = CONFIG.run_dir(tmp_path) / "stats.pkl"
    statistics = pickle.loads(path.read_bytes())
    del statistics["seconds"]
    path.write_bytes(pickle.dumps(statistics))
    assert standings.standing(CONFIG, tmp_path).is_finished


def test_files_of_another_run_are_told(tmp_path):
    other = dataclasses.replace(CONFIG, seed=1)
    run_dir = CONFIG.run_dir(tmp_path)
    for name in ("stats.pkl", "config.json"):
        for config in (CONFIG, other):
            logged_run(config, tmp_path, finished=True)
        shutil.copy(other.run_dir(tmp_path) / name, run_dir)
        reason = standings.standing(CONFIG, tmp_path).reason
        assert f"a run whose {name} is of another: put its own back, or move" in reason
    for config in (CONFIG, other):
        logged_run(config, tmp_path, epochs=3)
    name = "checkpoint/epoch_0003.npz"
    shutil.copy(other.run_dir(tmp_path) / name, run_dir / "checkpoint")
    reason = standings.standing(CONFIG, tmp_path).reason
    assert f"a run whose {name} is of another: put its own back, or move" in reason
    with files.locked(run_dir):  # as while another process replaces all of it
        assert standings.standing(CONFIG, tmp_path).state == "running"


def test_settings_are_known_without_the_record(tmp_path):
    logged_run(CONFIG, tmp_path, epochs=3)
    path = CONFIG.run_dir(tmp_path) / "config.json"
    path.unlink()
    assert standings.standing(CONFIG, tmp_path) == standings.Standing("interrupted", 3)
    other = dataclasses.replace(CONFIG, jit="on")
    assert (
        "a run with jit 'auto', not 'on'" in standings.standing(other, tmp_path).reason
    )
    path.write_text("nonsense")
    reason = standings.standing(CONFIG, tmp_path).reason
    assert f"{path} is damaged (Expecting value" in reason
    assert "): put a whole one back, or move" in reason


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps({"a": 1})])
def test_a_damaged_file_is_in_the_way(tmp_path, content):
    run_dir = CONFIG.run_dir(tmp_path)
    run_dir.mkdir(parents=True)
    (run_dir / "stats.pkl").write_bytes(content)
    stands = standings.standing(CONFIG, tmp_path)
    assert str(stands).startswith(
        f"in the way: a run that cannot be read: {run_dir / 'stats.pkl'}: "
    )
    assert str(stands).endswith(f": put a whole one back, or move {run_dir} away")
    assert not stands.is_to_run and stands.epochs == 0


def test_time_is_estimated_from_what_runs_took(tmp_path):
    other = ExperimentConfig("digits", epochs=10, method="CE", alpha=1.0)
    logged_run(other, tmp_path, seconds=[9, 60, 60, 60], finished=True)
    estimator = planning.Estimator(tmp_path)
    assert estimator.epoch_seconds(CONFIG) == 60
    alone = ExperimentConfig("digits", members=("VD",))
    assert estimator.epoch_seconds(alone) is None
    logged_run(CONFIG, tmp_path, seconds=[60] * 4)
    lines = planning.plan([other, CONFIG, alone], tmp_path, jobs=2).splitlines()
    assert [line.split("  ")[-1].strip() for line in lines[:3]] == [
        "finished",
        "interrupted, 4 epochs done",
        "to do",
    ]
    assert "about 6 min" in lines[1]
    assert lines[3] == "3 experiments: 1 finished, 1 interrupted, 1 to do"
    assert lines[4].startswith("time left with 2 at a time: about 3 min, without 1")
    last = planning.plan([alone], tmp_path, jobs=2).splitlines()[-1]
    assert last.startswith("time left: not known before an epoch")


def test_more_jobs_than_experiments_take_no_less_time(tmp_path):
    logged_run(CONFIG, tmp_path, seconds=[60] * 4)
    last = planning.plan([CONFIG], tmp_path, jobs=4096).splitlines()[-1]
    assert last == "time left with 1 at a time: about 6 min"
    said = "left: 1 experiment, which takes about 6 min"
    assert planning.left([CONFIG], tmp_path, jobs=4096) == said


def logged_on(device, config, log_dir, seconds, **record):
    """Logs a run of four epochs that was made on a device."""
    logged_run(config, log_dir, seconds=[seconds] * 4)
    path = config.run_dir(log_dir) / "config.json"
    record |= json.loads(path.read_text()) | {"device": device}
    path.write_text(json.dumps(record))


def test_time_is_that_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "name", lambda: "A Processor")
    config = ExperimentConfig("digits", members=("ST", "VD"), epochs=10)
    logged_on("A GPU, A GPU", config, tmp_path, 4)
    other = dataclasses.replace(config, method="CE", alpha=1.0)
    logged_on("A Processor @ 2.50GHz, 1 core", other, tmp_path, 60)
    begun = [{"epochs": 2, "device": "Another, 1 core"}]
    partly = dataclasses.replace(config, method="L1", alpha=1.0)
    logged_on("A Processor, 1 core", partly, tmp_path, 70, earlier=begun)
    assert planning.Estimator(tmp_path).epoch_seconds(config) is None
    last = planning.plan([config], tmp_path, jobs=1).splitlines()[-1]
    assert last.startswith("time left: not known before an epoch")
    third = dataclasses.replace(config, method="CE", alpha=2.0)
    logged_on("A Processor, 2 cores", third, tmp_path, 50)
    assert planning.Estimator(tmp_path).epoch_seconds(config) == 50
    monkeypatch.setattr(processor, "name", lambda: "Another")
    monkeypatch.setattr(gpus, "product_names", lambda: ["A GPU"])
    assert planning.Estimator(tmp_path).epoch_seconds(config) == 4


def test_durations():
    texts = [planning.duration(seconds) for seconds in (2, 90, 3599, 3600, 36_300)]
    assert texts == ["2 s", "2 min", "1 h 00 min", "1 h 00 min", "10 h 05 min"]


def test_estimates_need_a_run_with_epochs(tmp_path):
    logged_run(CONFIG, tmp_path, seconds=[])
    estimator = planning.Estimator(tmp_path)
    assert estimator.epoch_seconds(CONFIG) == datasets.spec("digits").epoch_seconds
    assert np.isfinite(estimator.epoch_seconds(CONFIG))


def test_a_run_with_other_settings_is_in_the_way(tmp_path):
    logged_run(CONFIG, tmp_path, finished=True)
    other = dataclasses.replace(CONFIG, jit="on")
    assert str(standings.standing(other, tmp_path)) == (
        "in the way: a run with jit 'auto', not 'on': use --jit auto or another "
        f"--log_dir, or move {other.run_dir(tmp_path)} away"
    )


def test_experiments_stand_below_what_they_are_to_answer(tmp_path):
    other = dataclasses.replace(CONFIG, seed=1)
    questions = {CONFIG: "one: does it?", other: "two: does it not?"}
    lines = planning.plan([CONFIG, other], tmp_path, 1, questions).splitlines()
    assert lines[0] == "one: does it?" and lines[2] == "two: does it not?"
    assert lines[1].startswith("digits/") and lines[3].endswith("to do")


def test_what_is_left_is_one_line(tmp_path):
    alone = ExperimentConfig("digits", members=("VD",))
    logged_run(CONFIG, tmp_path, seconds=[60] * 4)
    other = dataclasses.replace(CONFIG, seed=1)
    said = planning.left([CONFIG, other], tmp_path, jobs=2)
    assert said == "left: 2 experiments, which take about 8 min"
    said = planning.left([CONFIG, alone], tmp_path, jobs=1)
    assert said == "left: 2 experiments, 1 of which takes about 6 min"
    assert planning.left([alone], tmp_path, 1) == "left: 1 experiment"
    logged_run(CONFIG, tmp_path, epochs=10, finished=True)
    assert planning.left([CONFIG], tmp_path, 1) == ""


def test_a_precision_by_the_machine_is_what_it_was_there(tmp_path):
    narrow = dataclasses.replace(CONFIG, precision="bfloat16")
    logged_run(narrow, tmp_path, seconds=[60] * 4)
    by_machine = dataclasses.replace(CONFIG, precision="auto")
    estimator = planning.Estimator(tmp_path)
    assert estimator.epoch_seconds(by_machine) == 60
    assert estimator.run_bytes(by_machine) == space.ASSUMED  # nothing is known of it
    model = narrow.run_dir(tmp_path) / "model.keras"
    model.write_bytes(bytes(10 * 2**20))
    estimator = planning.Estimator(tmp_path)
    assert estimator.run_bytes(by_machine) == estimator.run_bytes(narrow)
    assert estimator.run_bytes(narrow) == space.needed(10 * 2**20, narrow.epochs)


def test_few_labels_are_a_kind_of_their_own(tmp_path):
    logged_run(CONFIG, tmp_path, seconds=[60] * 4)
    few = dataclasses.replace(CONFIG, labeled=0.1)
    assert planning.Estimator(tmp_path).epoch_seconds(few) != 60


def test_a_run_without_times_says_nothing_of_them(tmp_path):
    logged_run(CONFIG, tmp_path)
    path = CONFIG.run_dir(tmp_path) / "stats.pkl"
    content = pickle.loads(path.read_bytes())
    del content["seconds"]
    path.write_bytes(pickle.dumps(content))
    other = dataclasses.replace(CONFIG, seed=5)
    assert planning.Estimator(tmp_path).run_bytes(other) == space.ASSUMED


def test_limits():
    seconds = [planning.seconds_of(text) for text in ("90s", "90m", "1.5h", "8h")]
    assert seconds == [90, 5_400, 5_400, 28_800]


@pytest.mark.parametrize(
    "text", ["8", "0h", "h", "-1h", "8 hours", "1h30m", "nan h", ""]
)
def test_times_that_are_none(text):
    with pytest.raises(ConfigError, match=r"such as 8h, 90m or 1\.5h, got"):
        planning.seconds_of(text)
