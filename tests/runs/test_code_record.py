import pytest

from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import code_record
from collaborative.system import digests, plugins


@pytest.fixture
def given(monkeypatch):
    marks = []
    monkeypatch.setattr(plugins, "_given", marks)
    return marks


def test_a_plugin_that_has_changed(given, tmp_path):
    path = tmp_path / "my_code.py"
    path.write_text("a = 1\n")
    given.append(digests.mark_of(path))
    config = ExperimentConfig()
    record = code_record.describe(config)
    (mark,) = record["plugins"]
    assert (mark["file"], mark["bytes"]) == ("my_code.py", 6)
    assert code_record.changed_since(config, record) == ""
    assert code_record.changed_since(config, {}) == ""  # of a run of before
    without = {"earlier": [record | {"epochs": 2}], "plugins": []}
    path.write_text("a = 2\n")
    given[:] = [digests.mark_of(path)]
    for found in (record, without):
        assert code_record.changed_since(config, found) == "my_code.py has changed"
    given[:] = [mark | {"file": "other.py"}]
    said = code_record.changed_since(config, record)
    assert said == "its plugin was my_code.py, not other.py"


def test_a_model_file_that_has_changed(given, tmp_path):
    path = tmp_path / "my.keras"
    path.write_bytes(b"one")
    config = ExperimentConfig(members=("ST", str(path)))
    record = code_record.describe(config)
    assert list(record["network_files"]) == [str(path)]
    path.write_bytes(b"two")
    said = code_record.changed_since(config, record)
    assert said == "my.keras has changed, and is not read again"
    path.unlink()
    assert code_record.changed_since(config, record) == ""
    assert code_record.describe(config)["network_files"] == {}
