"""What a run starts from is looked at once, before anything is trained."""

import json

import pytest

from collaborative import run_experiments
from collaborative.experiments.config import ExperimentConfig


@pytest.fixture
def source(tmp_path):
    """The directory of what looks like a finished run of ST alone."""
    config = ExperimentConfig(members=("ST",), method="Single")
    record = {"config": config.to_json(), "class_names": ["a", "b"]}
    (tmp_path / "config.json").write_text(json.dumps(record))
    (tmp_path / "model.keras").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    "name, said",
    [
        ("nowhere", "nowhere holds no finished run: there is no config.json; give a"),
        ("", "cannot be started from: no member 'M': the members are ST"),
    ],
)
def test_a_wrong_start_is_said_once_for_a_whole_sweep(
    name, said, source, tmp_path, fresh_flags, capsys
):
    log_dir = tmp_path / "logs"
    flags = ("--method", "L2,CE", "--seeds", "1,2", "--log_dir", log_dir)
    start = ("--init_from", source / name)
    with pytest.raises(SystemExit) as caught:
        run_experiments.main(["run_experiments.py", *map(str, flags + start)])
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and not log_dir.exists()
