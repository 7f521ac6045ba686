import pytest

import files


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
