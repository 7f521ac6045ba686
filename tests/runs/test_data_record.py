"""What a run records of its data; runs on data that changed since, with their words."""

import dataclasses
import json

import keras
import pytest
from picture_files import noise, picture_file

from collaborative import run_experiments
from collaborative.data import own_sets
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import data_record, run
from collaborative.training import train as trainer

pytestmark = pytest.mark.usefixtures("small_runs")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder with ten pictures of each of three classes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data_record._fingerprint.cache_clear()
    for label, name in enumerate("abc"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(10):
            image = noise(8, 8, seed=10 * label + i)
            picture_file(tmp_path / "pets" / name, image, name=f"{i}.png")
    return tmp_path / "pets"


def differences(record, config):
    """As JSON gives it back."""
    return data_record.differences(
        json.loads(json.dumps(record)), config.load_dataset()
    )


def test_what_changed_is_said(root):
    config = ExperimentConfig(f"folder:{root}")
    record = data_record.describe(config.load_dataset())
    assert record["data"] == {"train": 24, "validation": 0, "test": 6}
    assert record["class_names"] == ["a", "b", "c"]
    assert record["fingerprint"]["dataset"]["files"] == 30
    assert differences(record, config) == ""
    content = (root / "a/1.png").read_bytes()
    (root / "a/1.png").write_bytes((root / "a/2.png").read_bytes() + b"more")
    assert differences(record, config).startswith("its files had ")
    (root / "a/1.png").write_bytes(content)
    assert differences(record, config) == ""
    (root / "a/1.png").rename(root / "a/11.png")
    assert differences(record, config) == "its files have other contents or names"
    others = {"fingerprint": {"unlabeled": record["fingerprint"]["dataset"]}}
    of_unlabeled = data_record.describe(config.load_dataset())["fingerprint"]["dataset"]
    now = record | {"fingerprint": {"unlabeled": of_unlabeled}}
    assert data_record.between(record | others, now) == (
        "its unlabeled files have other contents or names"
    )
    (root / "a/11.png").rename(root / "a/1.png")
    (root / "b/1.png").unlink()
    assert differences(record, config) == (
        "it had 24 train, 6 test images, here are 23 train, 6 test; it had 30 files, "
        "here are 29"
    )
    (root / "c").rename(root / "d")
    assert "its classes are now without c and with d" in differences(record, config)


def test_any_set_that_is_not_the_same_in_the_same_order():
    """A set of tfds may have been prepared anew, with as many images."""
    config = ExperimentConfig("digits")
    record = data_record.describe(config.load_dataset())
    assert set(record["fingerprint"]) == {"labels"}
    assert differences(record, config) == ""
    other = dataclasses.replace(config, seed=1)
    assert differences(record, other) == "its images are others, or in another order"
    del record["fingerprint"]  # a run of before
    assert differences(record, other) == ""
    fewer = dataclasses.replace(config, truncate=100)
    assert "here are 100 train, 100 test" in differences(record, fewer)


def test_a_finished_run_s_data_is_looked_at_without_decoding_it(root, monkeypatch):
    config = ExperimentConfig(f"folder:{root}")
    record = data_record.describe(config.load_dataset())
    monkeypatch.setattr(own_sets.picture_sets, "open_set", None)
    assert data_record.changed_since(config, record) == ""
    (root / "a/0.png").unlink()
    data_record._fingerprint.cache_clear()
    said = "it had 30 files, here are 29"
    assert data_record.changed_since(config, record) == said
    root.rename(root.with_name("gone"))
    data_record._fingerprint.cache_clear()
    assert data_record.changed_since(config, record) == ""
    assert data_record.changed_since(ExperimentConfig("digits"), record) == ""
    assert data_record.changed_since(config, {}) == ""


@pytest.fixture
def begun(root, tmp_path):
    """(config, directory of logs) of a run on `root` that stopped after an epoch."""
    config = ExperimentConfig(f"folder:{root}", members=("ST",), epochs=2, batch_size=8)
    log_dir = tmp_path / "logs"
    with pytest.raises(KeyboardInterrupt):
        train(config, log_dir, callbacks=[stopper()])
    return config, log_dir


def stopper():
    """A callback that interrupts training after an epoch."""

    def stop(epoch, logs):
        raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_end=stop)


def train(config, log_dir, **more):
    data = config.load_dataset()
    return trainer.train(config, data, log_dir, say=lambda _: None, **more)


def test_a_run_does_not_go_on_with_other_data(root, begun, run_command):
    config, log_dir = begun
    path = root / "a/0.png"
    path.rename(root.parent / "kept")
    with pytest.raises(trainer.RunError) as raised:
        train(config, log_dir)
    message = str(raised.value)
    assert "was trained on other data: it had 24 train" in message
    assert "--overwrite" in message and "\n" not in message
    (root.parent / "kept").rename(path)
    finished = train(config, log_dir)  # nothing is lost
    assert len(finished.statistics["seconds"]) == 2
    run_dir = finished.run_dir
    assert run.load_data(run.read_finished(run_dir)).class_names == ("a", "b", "c")
    path.unlink()
    with pytest.raises(run.UnusableRun, match="pets is not as the run had it: it had"):
        run.load_data(run.read_finished(run_dir))
    arguments = ("--dataset", f"folder:{root}", "--members", "ST", "--epochs", 2)
    status, said, _ = run_command(
        run_experiments, *arguments, "--batch_size", 8, "--log_dir", log_dir
    )
    assert status == 0 and f"finished before: {run_dir}" in said
    assert f"{run_dir} was trained on other data: it had 30 files, here are 29" in said


def test_a_prepared_set_that_changed_is_not_gone_on_with(tmp_path):
    """Of tfds, for example: as many images, in another order."""
    config = ExperimentConfig(members=("ST",), epochs=2, batch_size=8, truncate=32)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, callbacks=[stopper()])
    other = dataclasses.replace(config, seed=5).load_dataset()
    with pytest.raises(trainer.RunError, match="its images are others"):
        trainer.train(config, other, tmp_path, say=lambda _: None)
