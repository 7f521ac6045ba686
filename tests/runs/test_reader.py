import os
import pickle

import numpy as np
import pytest

from collaborative.runs import reader
from collaborative.system import files


class Bomb:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize(
    "content, message",
    [
        (pickle.dumps(Bomb()), "asks for builtins.print"),
        (pickle.dumps(np.array([Bomb()], dtype=object)), "asks for builtins.print"),
        (b"no pickle at all", "not a pickle of plain statistics"),
        (pickle.dumps({"a": 1})[:-3], "not a pickle of plain statistics"),
        (pickle.dumps({"a": 1}), "not the statistics of a run"),
        (pickle.dumps([1, 2]), "not the statistics of a run"),
        (pickle.dumps(np.zeros(3)), "not the statistics of a run"),
        (pickle.dumps({"models": {"a": 3}, "totals": {}}), "not the statistics"),
        (b"", "not a pickle of plain statistics"),
    ],
)
def test_pickles_that_are_not_ours(content, message, tmp_path, capsys):
    path = tmp_path / "stats.pkl"
    path.write_bytes(content)
    with pytest.raises(reader.UnreadablePickle, match=message) as raised:
        reader.read_statistics(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)
    assert "code ran" not in capsys.readouterr().out


def test_a_pipe_is_not_read(tmp_path):
    """It would be for ever."""
    for name, read in (("a.pkl", reader.read_pickle), ("a.json", files.read_json)):
        os.mkfifo(tmp_path / name)
        with pytest.raises((reader.UnreadablePickle, ValueError), match="is a pipe"):
            read(tmp_path / name)


def test_missing_and_oversized_pickles(tmp_path, monkeypatch):
    with pytest.raises(reader.UnreadablePickle, match="there is no"):
        reader.read_pickle(tmp_path / "none.pkl")
    (tmp_path / "large.pkl").write_bytes(bytes(100))
    monkeypatch.setattr(reader, "LARGEST_PICKLE", 99)
    with pytest.raises(reader.UnreadablePickle, match="100 bytes is more"):
        reader.read_pickle(tmp_path / "large.pkl")


def test_pickles_of_older_numpy_are_read(tmp_path):
    """numpy 1 names its modules numpy.core, numpy 2 numpy._core."""
    data = pickle.dumps(np.arange(3.0), protocol=2)
    path = tmp_path / "old.pkl"
    path.write_bytes(data.replace(b"numpy._core", b"numpy.core"))
    np.testing.assert_array_equal(reader.read_pickle(path), [0, 1, 2])


@pytest.mark.parametrize(
    "damage",
    [
        {"seconds": None},
        {"seconds": 3},
        {"seconds": "x"},
        {"seconds": np.zeros((5, 2))},
        {"params": {"seed": np.zeros(3)}},
        {"params": {}},
        {"params": None},
        {"models": {"ST": {"test_error": np.array(["x", "y"])}}},
        {"models": {"ST": {"test_error": np.zeros(2, complex)}}},
        {"totals": {"loss": np.zeros(2, object)}},
    ],
)
def test_statistics_of_which_a_part_is_no_part_of_a_run(damage, tmp_path):
    whole = {"params": {"seed": 912}, "start_time": 1.0, "end_time": None}
    whole |= {"models": {}, "totals": {}, "seconds": np.zeros(2)}
    path = tmp_path / "stats.pkl"
    path.write_bytes(pickle.dumps(whole))
    assert reader.read_statistics(path)["params"] == {"seed": 912}
    path.write_bytes(pickle.dumps(whole | damage))
    with pytest.raises(reader.UnreadablePickle, match="not the statistics of a run"):
        reader.read_statistics(path)
