"""Prepared sets in every file format, whole and damaged."""

import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from prepared_pets import prepare

from collaborative import datasets
from collaborative.data import stored

FORMATS = ("tfrecord", "array_record", "parquet")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same set in a folder for each format."""
    folder = tmp_path_factory.mktemp("sets")
    for stored_as in FORMATS:
        prepare(folder / stored_as, file_format=stored_as)
    return folder


@pytest.fixture
def copy(folders, tmp_path):
    """A function: a copy of the set in a format to damage; its folder."""

    def copied(stored_as):
        shutil.copytree(folders / stored_as, tmp_path, dirs_exist_ok=True)
        return tmp_path / "pets/1.0.0"

    return copied


def test_the_images_are_the_same_in_each_format(folders):
    one, *others = (
        datasets.load("pets", data_dir=folders / stored_as) for stored_as in FORMATS
    )
    assert (len(one.train), len(one.test)) == (30, 10)
    assert one.class_names == ("cat", "dog")
    assert len({image.tobytes() for image in one.train.images}) == 30
    for other in others:
        for part in ("train", "test"):
            ours, its = getattr(one, part), getattr(other, part)
            np.testing.assert_array_equal(ours.images, its.images)
            np.testing.assert_array_equal(ours.labels, its.labels)


@pytest.mark.parametrize("stored_as", FORMATS)
def test_the_first_examples(folders, stored_as):
    builder = tfds.builder("pets", data_dir=folders / stored_as)
    images, labels = stored.first_examples(builder, 7)
    whole = tfds.builder("pets", data_dir=folders / "tfrecord").as_dataset(
        split="train"
    )
    expected = list(whole.take(7).as_numpy_iterator())
    np.testing.assert_array_equal(images, [e["image"] for e in expected])
    np.testing.assert_array_equal(labels, [e["label"] for e in expected])
    assert len(stored.first_examples(builder, 100)[0]) == 30


def rewritten(folder, change):
    """Changes the content of dataset_info.json."""
    path = folder / "dataset_info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def cut(folder, keep):
    for path in folder.glob("*train*"):
        path.write_bytes(path.read_bytes()[:keep])


def counted(number):
    return lambda folder: rewritten(
        folder, lambda info: info["splits"][0].update(shardLengths=[number])
    )


DAMAGES = {
    "no file": lambda f: [p.unlink() for p in f.glob("*train*")],
    "empty file": lambda f: cut(f, 0),
    "cut short": lambda f: cut(f, 900),
    "a folder": lambda f: [(p.unlink(), p.mkdir()) for p in f.glob("*train*")],
    "another format's": lambda f: [
        p.write_bytes(b"\x7f" * 5_000) for p in f.glob("*train*")
    ],
    "no dataset_info": lambda f: (f / "dataset_info.json").unlink(),
    "dataset_info of text": lambda f: (f / "dataset_info.json").write_text("no"),
    "no features": lambda f: (f / "features.json").unlink(),
    "features of text": lambda f: (f / "features.json").write_text("no"),
    "an unknown format": lambda f: rewritten(f, lambda i: i.update(fileFormat="zip")),
    "no format": lambda f: rewritten(f, lambda i: i.pop("fileFormat")),
    "no splits": lambda f: rewritten(f, lambda i: i.pop("splits")),
    "more than there are": counted("35"),
    "fewer than there are": counted("0"),
    "more than fit": counted("9" * 15),
    "no labels": lambda f: [p.unlink() for p in f.glob("label*")],
}


@pytest.mark.parametrize("stored_as", FORMATS)
@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_set_is_one_line(copy, kind, stored_as):
    folder = copy(stored_as)
    DAMAGES[kind](folder)
    try:
        data = datasets.load("pets", data_dir=folder.parents[1])
    except datasets.DatasetError as error:
        assert "\n" not in str(error) and "pets" in str(error)
        assert len(str(error)) < 700
    else:  # what can be done without
        assert kind == "no labels" or (kind, stored_as) == ("no format", "tfrecord")
        assert (len(data.train), len(data.test)) == (30, 10)


@pytest.mark.parametrize("stored_as", ("riegeli", "array_record", "parquet"))
def test_a_format_that_cannot_be_read_here(copy, monkeypatch, stored_as):
    folder = copy("array_record")
    rewritten(folder, lambda info: info.update(fileFormat=stored_as))
    monkeypatch.setattr(stored.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load("pets", data_dir=folder.parents[1])
    assert f"{folder} is stored as {stored_as}, which cannot be read" in str(
        raised.value
    )
    assert "prepare the set as tfrecord" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_set_whose_memory_there_is_not(copy, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    folder = copy("tfrecord")
    monkeypatch.setattr(stored.np, "empty", no_memory)
    with pytest.raises(
        datasets.DatasetError, match=r"30 images of 4x6x3.*memory holds"
    ):
        datasets.load("pets", data_dir=folder.parents[1])


def test_a_folder_that_may_not_be_read(copy, monkeypatch):
    """Root may read everything: what the system says is said in its place."""
    folder = copy("tfrecord")
    data_path = type(tfds.builder("pets", data_dir=folder.parents[1]).data_path)

    def exists(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(data_path, "exists", exists)
    with pytest.raises(datasets.DatasetError, match="Permission denied") as raised:
        datasets.load("pets", data_dir=folder.parents[1])
    assert "\n" not in str(raised.value)


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "mnist").write_text("no folder")
    for data_dir in (tmp_path, tmp_path / "mnist"):
        with pytest.raises(datasets.DatasetError) as raised:
            datasets.load("mnist", data_dir=data_dir)
        assert "\n" not in str(raised.value)
