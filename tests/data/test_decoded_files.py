"""Decoded sets as files: made once and whole, on disks that fail, and damaged."""

import collections
import dataclasses
import errno
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from prepared_pets import prepare
from same_examples import assert_same

from collaborative import datasets
from collaborative.data import decoded, stored
from collaborative.experiments.config import ExperimentConfig
from collaborative.system import files
from collaborative.training import train as trainer


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A data_dir with `pets`, 30 and 10 pictures of 4x6x3, in which none is decoded."""
    data_dir = tmp_path_factory.mktemp("sets")
    prepare(data_dir)
    return data_dir


@pytest.fixture
def copy(pets, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(pets, tmp_path / "data")


def error_of(name, **settings):
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load(name, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_set_is_decoded_once(copy, monkeypatch, capsys):
    datasets.load("pets", data_dir=copy, stream=True)
    said = capsys.readouterr().err.splitlines()
    place = copy / "pets/1.0.0/decoded"
    assert said == [
        f"decoding pets ({split}), {size}B, once into {place}"
        for split, size in (("train", "2.16k"), ("test", "720"))
    ]
    monkeypatch.setattr(stored, "batches", None)
    datasets.load("pets", "pooled", seed=3, data_dir=copy, stream=True)
    assert capsys.readouterr().err == ""


def cut(folder):
    path = folder / "images.bin"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda folder: (folder / "images.bin").unlink(),
        lambda folder: (folder / "decoded.json").unlink(),
        lambda folder: (folder / "decoded.json").write_text("{"),
    ],
)
def test_what_is_not_whole_is_made_anew(copy, damage):
    held = datasets.load("pets", data_dir=copy, stream=False)
    datasets.load("pets", data_dir=copy, stream=True)
    damage(copy / "pets/1.0.0/decoded/train-4x6x3")
    assert_same(held, datasets.load("pets", data_dir=copy, stream=True))


def test_a_killed_process_leaves_nothing_that_counts(copy, monkeypatch):
    whole = stored.batches

    def killed(*args):
        yield from whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stored, "batches", killed)
        # What SIGKILL leaves is not cleaned up.
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("pets", data_dir=copy, stream=True)
    place = copy / "pets/1.0.0/decoded"
    assert [path.name for path in place.iterdir()] == [".tmp-train-4x6x3"]
    held = datasets.load("pets", data_dir=copy, stream=False)
    assert_same(held, datasets.load("pets", data_dir=copy, stream=True))
    assert sorted(path.name for path in place.iterdir()) == [
        "test-4x6x3",
        "train-4x6x3",
    ]


def test_a_set_that_was_prepared_anew_is_decoded_anew(copy):
    datasets.load("pets", data_dir=copy, stream=True)
    path = copy / "pets/1.0.0/decoded/train-4x6x3/decoded.json"
    facts = json.loads(path.read_text())
    facts["files"][0][2] += 1
    path.write_text(json.dumps(facts))
    datasets.load("pets", data_dir=copy, stream=True)
    assert json.loads(path.read_text()) != facts


def test_another_run_that_decodes_it_is_waited_for(copy, monkeypatch):
    """The other one is done when this one has looked for a second time."""
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        lock.__exit__(None, None, None)

    monkeypatch.setattr(decoded.time, "sleep", sleep)
    lock = files.locked(copy / "pets/1.0.0/decoded/.tmp-train-4x6x3")
    lock.__enter__()
    data = datasets.load("pets", data_dir=copy, stream=True)
    assert waited == [1] and len(data.train) == 30


def test_a_folder_that_cannot_be_written_to(copy, monkeypatch, tmp_path, capsys):
    folder = copy / "pets/1.0.0"
    folder.chmod(0o555)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    try:
        held = datasets.load("pets", data_dir=copy, stream=False)
        assert_same(held, datasets.load("pets", data_dir=copy, stream=True))
        assert not (folder / "decoded").exists()
    finally:
        folder.chmod(0o755)
    said = capsys.readouterr().err
    assert f"once into {tmp_path}/cache/collaborative/decoded/pets-" in said
    assert f", since {folder}/decoded cannot be written to" in said


def test_a_disk_without_room(copy, monkeypatch):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2159))
    place = copy / "pets/1.0.0/decoded"
    assert error_of("pets", data_dir=copy, stream=True) == (
        "pets (train) takes 2.16kB decoded, more than there is room for in "
        f"{place}, where 29 of its 30 images would fit: make room, give a smaller "
        "--image_size, or another folder in the environment variable XDG_CACHE_HOME"
    )
    assert not list(copy.rglob("*.bin"))


@pytest.mark.parametrize(
    "number, said", [(errno.ENOSPC, "more than there is room for"), (errno.EIO, "In")]
)
def test_a_disk_that_fails_meanwhile(copy, monkeypatch, number, said):
    def fail(_):
        raise OSError(number, "Input/output error")

    monkeypatch.setattr(decoded.os, "fsync", fail)
    assert said in error_of("pets", data_dir=copy, stream=True)
    assert not list(copy.rglob("images.bin"))


def test_a_damaged_set(copy):
    (path,) = copy.glob("pets/1.0.0/*train*")
    path.write_bytes(path.read_bytes()[:900])
    assert "is damaged" in error_of("pets", data_dir=copy, stream=True)


def changed(folder):
    """A level of an image is another: a file of the same size and time."""
    path = folder / "images.bin"
    before = path.stat()
    levels = bytearray(path.read_bytes())
    levels[100] ^= 4
    path.write_bytes(levels)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("damage", [cut, changed])
def test_damage_met_while_images_are_read_from_the_disk(copy, damage):
    data = datasets.load("pets", data_dir=copy, stream=True)
    held = np.asarray(data.train.images)
    place = copy / "pets/1.0.0/decoded/train-4x6x3"
    damage(place)
    with pytest.raises(datasets.DatasetError) as raised:
        data.train.images[:]
    assert str(raised.value) == f"{place} was damaged: start again, and it is made anew"
    again = datasets.load("pets", data_dir=copy, stream=True)
    np.testing.assert_array_equal(again.train.images, held)


@pytest.mark.eager
@pytest.mark.parametrize("split", ["train", "test"])
def test_damage_met_while_a_network_is_trained_is_one_line(
    copy, split, tmp_path, small_runs
):
    """TensorFlow makes an error of its own of what is raised in its pipeline."""
    alone = {"members": ("ST",), "method": None}
    config = ExperimentConfig("pets", **alone, epochs=1, batch_size=10)
    data = config.load_dataset(data_dir=copy, stream=True)
    place = copy / f"pets/1.0.0/decoded/{split}-4x6x3"
    changed(place)
    with pytest.raises(datasets.DatasetError) as raised:
        trainer.train(config, data, tmp_path, say=len)
    assert str(raised.value) == f"{place} was damaged: start again, and it is made anew"


@pytest.mark.parametrize("name", ["images.bin", "labels.npy", "sums.npy"])
def test_damage_costs_a_set_in_memory_time_alone(copy, capsys, name):
    first = datasets.load("pets", data_dir=copy)
    assert first.train.in_memory and capsys.readouterr().err.count("once into") == 2
    path = copy / "pets/1.0.0/decoded/train-4x6x3" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + bytes(byte ^ 1 for byte in whole[-8:]))
    assert_same(first, datasets.load("pets", data_dir=copy))
    assert capsys.readouterr().err.count("once into") == 1
    assert path.read_bytes() == whole


def test_what_cannot_be_removed_is_named(copy, monkeypatch):
    data = datasets.load("pets", data_dir=copy, stream=True)
    place = copy / "pets/1.0.0/decoded/train-4x6x3"
    changed(place)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "unlink", refuse)
    with pytest.raises(datasets.DatasetError) as raised:
        data.train.images[:]
    assert str(raised.value) == f"{place} is damaged: remove it, and it is made anew"


def no_room(monkeypatch):
    """A tenth of what is free is less than the 720 bytes of the test images."""
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(7_199))


def failing(monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(decoded.os, "fsync", fail)


@pytest.mark.parametrize("trouble", [no_room, failing])
def test_a_disk_that_keeps_nothing_is_done_without(copy, monkeypatch, trouble):
    held = datasets.load("pets", data_dir=copy)
    shutil.rmtree(copy / "pets/1.0.0/decoded")
    trouble(monkeypatch)
    assert_same(held, datasets.load("pets", data_dir=copy))
    assert not list(copy.rglob("images.bin"))


@pytest.mark.parametrize("shape", [(4, 6, 3), (12, 8, 3), (12, 8, 1)])
def test_images_without_labels_are_those_of_a_set_that_is_decoded_once(
    copy, shape, monkeypatch
):
    digits = datasets.load("digits")
    blank = np.zeros((len(digits.train), *shape), np.uint8)
    own = dataclasses.replace(
        digits, train=datasets.Examples(blank, digits.train.labels)
    )
    first = datasets.with_unlabeled(own, "pets", 1, data_dir=copy).unlabeled
    assert first.shape == (30, *shape) and first.any()
    monkeypatch.setattr(stored, "batches", None)
    again = datasets.with_unlabeled(own, "pets", 1, data_dir=copy).unlabeled
    np.testing.assert_array_equal(again, first)
