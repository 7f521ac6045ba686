"""Sets on the disk: the same examples as in memory, whole files, one-line errors."""

import collections
import dataclasses
import errno
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from prepared_pets import prepare
from prepared_pictures import prepare as prepare_pictures

from collaborative import datasets
from collaborative.data import batches, decoded, stored
from collaborative.experiments.config import ExperimentConfig
from collaborative.system import files, limits
from collaborative.training import train as trainer


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A data_dir with `pets`, 30 and 10 pictures of 4x6x3, and `roses` of any size."""
    data_dir = tmp_path_factory.mktemp("sets")
    prepare(data_dir)
    return prepare_pictures(data_dir, "roses", "png")


@pytest.fixture
def copy(pets, tmp_path):
    """A copy of that folder, in which nothing is decoded."""
    ignore = shutil.ignore_patterns("decoded")
    return shutil.copytree(pets, tmp_path / "data", ignore=ignore)


def error_of(name, **settings):
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load(name, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def assert_same(one, other):
    for part in ("train", "validation", "test"):
        a, b = getattr(one, part), getattr(other, part)
        assert a.images.shape == b.images.shape and a.images.dtype == b.images.dtype
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.parametrize("split", ["pooled", "official"])
@pytest.mark.parametrize("more", [{}, {"image_size": (8, 4)}, {"truncate": 7}])
def test_the_examples_are_those_in_memory(pets, split, more):
    for seed in (1, 2):
        settings = {"seed": seed, "validation": 3, "data_dir": pets, **more}
        held, read = (
            datasets.load("pets", split, stream=s, **settings) for s in (False, True)
        )
        assert held.train.in_memory and not read.train.in_memory
        assert_same(held, read)
        assert read.notes == ("its images are read from the disk, as they are needed",)


def test_pictures_of_any_size(pets):
    settings = {"image_size": (8, 12), "data_dir": pets}
    held, read = (
        datasets.load("roses", "pooled", stream=s, **settings) for s in (False, True)
    )
    assert_same(held, read)


def test_at_most_so_many_of_a_class(pets, monkeypatch):
    capped = dataclasses.replace(datasets.DatasetSpec(), per_class=(9, 2))
    monkeypatch.setitem(datasets.DATASETS, "pets", capped)
    held, read = (datasets.load("pets", stream=s, data_dir=pets) for s in (False, True))
    assert (len(read.train), len(read.test)) == (18, 4)
    assert_same(held, read)


def test_images_on_the_disk_are_indexed_as_an_array(pets):
    held, read = (
        datasets.load("pets", "pooled", stream=s, data_dir=pets).train
        for s in (False, True)
    )
    for key in (3, -1, slice(2, 20, 3), slice(0, 0), [5, 5, 1], np.array([[1], [2]])):
        np.testing.assert_array_equal(read.images[key], held.images[key])
        assert read.images[key].shape == held.images[key].shape
    part = read.images.part(slice(10, 20)).part(np.array([3, 1]))
    np.testing.assert_array_equal(part, held.images[[13, 11]])
    assert len(list(read.images)) == len(held) and len(part) == 2
    assert np.asarray(part, np.float32).dtype == np.float32
    with pytest.raises(IndexError):
        read.images[len(held)]


def all_batches(data):
    yield from batches.TrainingBatches(data.train, 8, 1).fed(1, 3)
    yield from batches.eval_batches(data.test, 3)
    yield from batches.TrainingBatches(data.train, 8, 1, flip=True).fed(0, 1)
    few = datasets.with_few_labels(data, 1.0, 0.5)
    sizes = {"unlabeled": few.unlabeled, "unlabeled_size": 5}
    yield from batches.TrainingBatches(few.train, 8, 1, **sizes).fed(0, 1)


def test_batches_are_the_same_and_of_static_shape(pets):
    held, read = (
        datasets.load("pets", "pooled", stream=s, data_dir=pets) for s in (False, True)
    )
    pairs = list(zip(all_batches(held), all_batches(read), strict=True))
    assert len(pairs) > 10
    for one, other in pairs:
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)
    specs = [
        batches.TrainingBatches(d.train, 8, 1).fed(0, 1).element_spec
        for d in (held, read)
    ]
    assert specs[0] == specs[1]
    specs = [batches.eval_batches(d.test, 3).element_spec for d in (held, read)]
    assert specs[0] == specs[1]


@pytest.mark.eager
def test_a_run_is_the_same_and_goes_on_as_the_same(pets, tmp_path, small_runs):
    """Of one in memory and one on the disk that changes over, bit for bit."""
    config = ExperimentConfig(
        "pets", members=("ST",), method=None, epochs=2, batch_size=8, augment=True
    )
    held, read = (config.load_dataset(data_dir=pets, stream=s) for s in (False, True))

    def train(dataset, name, **more):
        log_dir = tmp_path / name
        return trainer.train(config, dataset, log_dir, say=lambda _: None, **more)

    def stop(epoch, logs):
        raise KeyboardInterrupt

    whole = train(held, "held").statistics
    with pytest.raises(KeyboardInterrupt):
        stopper = trainer.logger.keras.callbacks.LambdaCallback(on_epoch_end=stop)
        train(held, "read", callbacks=[stopper])
    other = train(read, "read").statistics
    for name, curves in whole["models"].items():
        for statistic, values in curves.items():
            np.testing.assert_array_equal(values, other["models"][name][statistic])
    images = [s["evaluation"]["images"] for s in (whole, other)]
    np.testing.assert_array_equal(*images)


def test_what_does_not_fit_in_memory_is_on_the_disk(pets, monkeypatch):
    needed = 2 * 40 * 4 * 6 * 3  # copies, images, levels
    for left, fits in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(limits, "free_memory", lambda left=left: left)
        data = datasets.load("pets", "pooled", data_dir=pets)
        assert data.train.in_memory == fits and bool(data.notes) != fits
        assert datasets.load("pets", data_dir=pets, stream=False).train.in_memory


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
