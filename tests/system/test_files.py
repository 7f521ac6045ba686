import subprocess
import sys

import pytest
from conftest import ROOT

from collaborative.system import files

FILLS_A_DIRECTORY = """
import pathlib, sys, time
from collaborative.system import files

with files.replacing_directory(sys.argv[1]) as directory:
    pathlib.Path(directory, "half").touch()
    print("filling", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def filling():
    """Starts a process that fills a directory; it is killed at the end of the test."""
    started = []

    def start(path):
        arguments = [sys.executable, "-c", FILLS_A_DIRECTORY, path]
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"filling\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_replaces_a_file_only_when_the_new_one_is_complete(tmp_path):
    path = tmp_path / "stats.pkl"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    with files.replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_file_keeps_the_suffix(tmp_path):
    with files.replacing(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path
        temporary.touch()


def test_removes_what_a_killed_process_left(tmp_path):
    (tmp_path / ".tmp-123-stats.pkl").touch()
    (tmp_path / "stats.pkl").touch()
    files.remove_temporary(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "stats.pkl"]


def test_a_directory_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "artifact"
    for content in ("first", "second"):
        with files.replacing_directory(path) as temporary:
            (temporary / content).touch()
        assert [p.name for p in path.iterdir()] == [content]
    with pytest.raises(ValueError), files.replacing_directory(path) as temporary:
        (temporary / "third").touch()
        raise ValueError
    assert [p.name for p in path.iterdir()] == ["second"]
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_was_filling_is_removed_by_the_next(tmp_path, filling):
    processes = [filling(tmp_path / name) for name in ("same", "another")]
    for process in processes:
        process.kill()
        process.wait()
    assert len(list(tmp_path.glob(".*"))) == 2
    with files.replacing_directory(tmp_path / "same") as directory:
        assert not list(directory.iterdir())
    assert [p.name for p in tmp_path.iterdir()] == ["same"]


def test_a_hidden_directory_of_somebody_else_s_stays(tmp_path):
    theirs = [tmp_path / name / "thesis.txt" for name in (".tmp-work", ".tmp-same")]
    for path in theirs:
        path.parent.mkdir()
        path.write_text("mine")
        (path.parent / "lock").touch()
    with files.replacing_directory(tmp_path / "another"):
        pass
    with pytest.raises(FileExistsError), files.replacing_directory(tmp_path / "same"):
        pass
    assert [path.read_text() for path in theirs] == ["mine", "mine"]


def test_what_is_being_filled_or_is_not_ours_stays(tmp_path, filling):
    foreign = tmp_path / ".tmp-of-somebody"
    foreign.mkdir()
    filling(tmp_path / "same")
    with (
        pytest.raises(files.Busy, match="another process is writing to"),
        files.replacing_directory(tmp_path / "same"),
    ):
        pass
    with files.replacing_directory(tmp_path / "another"):
        pass
    assert foreign.is_dir() and (tmp_path / "another").is_dir()
    assert len(list(tmp_path.rglob("half"))) == 1
