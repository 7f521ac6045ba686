"""What is found in folders of pictures, and what is refused, before any is opened."""

import os

import pytest

from collaborative.data import class_folders
from collaborative.data.errors import DatasetError


@pytest.fixture
def root(tmp_path):
    return tmp_path / "pets"


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"0")
    return root


def listed(found):
    names = found.class_names
    return [(f.path, f.split, names[f.label]) for f in found.files]


def test_a_folder_a_class(root):
    put(root, "dog/2.PNG", "cat/b/1.jpg", "cat/a.jpeg", "note.txt")
    found = class_folders.find(root)
    assert listed(found) == [
        ("cat/a.jpeg", "all", "cat"),
        ("cat/b/1.jpg", "all", "cat"),
        ("dog/2.PNG", "all", "dog"),
    ]
    assert (found.title, found.splits, found.stray) == ("pets", ("all",), ("note.txt",))


def test_splits_of_such(root):
    put(root, "Train/dog/1", "Train/cat/1", "test/cat/1", "val/dog/1", "test/stray")
    found = class_folders.find(root)
    assert listed(found) == [
        ("Train/cat/1", "train", "cat"),
        ("Train/dog/1", "train", "dog"),
        ("val/dog/1", "validation", "dog"),
        ("test/cat/1", "test", "cat"),
    ]
    assert found.stray == ("test/stray",)


def test_a_class_may_be_called_train(root):
    put(root, "train/1", "car/1")
    assert class_folders.find(root).class_names == ("car", "train")


def test_what_is_hidden_or_of_systems_is_left_out(root):
    put(root, "a/1", "b/1", ".git/1", "__MACOSX/a/1", "a/Thumbs.db", "a/.DS_Store")
    put(root, "b/._1", "a/desktop.ini", "b/.thumbnails/1", "b/@eaDir/1")
    found = class_folders.find(root)
    assert [f.path for f in found.files] == ["a/1", "b/1"]
    assert found.stray == () and found.skipped == {}


def test_links(root, tmp_path):
    elsewhere = put(tmp_path / "elsewhere", "1")
    put(root, "a/1")
    (root / "b").symlink_to(elsewhere)  # a class that lies elsewhere
    (root / "a/gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "a/pipe")
    found = class_folders.find(root)
    assert [f.path for f in found.files] == ["a/1", "b/1"]
    assert found.skipped == {"a/gone": "a link to nothing", "a/pipe": "not a file"}


def test_names_of_one_line(root):
    put(root, "a\nb/1", "c/1")
    assert class_folders.find(root).class_names == ("a\\nb", "c")


@pytest.mark.parametrize(
    "paths, message",
    [
        ((), "pets cannot be read: No such file or directory: give the path"),
        (("1.png", "2.png"), r"no folders of classes \(2 files lie in it\): put"),
        ((".hidden/1",), r"no folders of classes \(nothing lies in it\)"),
        (("a/1",), "pets has one class, a, and there is nothing to tell apart"),
        (("a/1", "B/1", "b/1"), "the classes B, b, one name written in two ways"),
        (("\u00e9/1", "e\u0301/1"), "one name written in two ways"),
        (
            ("train/a/1", "train/b/1", "test/zebra/1"),
            "pictures of zebra in test/ and none in train/: add a folder",
        ),
        (("train/1", "test/1"), "no folders of classes"),
        (
            ("train/a/1", "test/a/1", "more/a/1"),
            "has train/ and test/, and beside them more: take away",
        ),
        (("train/a/1", "val/a/1", "valid/a/1"), "two folders of validation pictures"),
    ],
)
def test_what_cannot_be_learnt(root, paths, message):
    put(root, *paths)
    with pytest.raises(DatasetError, match=message) as raised:
        class_folders.find(root)
    assert "\n" not in str(raised.value)


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: Not a directory"):
        class_folders.find(put(tmp_path, "file") / "file")


def test_all_files_whatever_they_are_of(root):
    put(root, "1", "a/2", "a/b/3")
    found = class_folders.find_flat(root)
    assert [f.path for f in found.files] == ["1", "a/2", "a/b/3"]
    with pytest.raises(DatasetError, match="No such file"):
        class_folders.find_flat(root / "none")
