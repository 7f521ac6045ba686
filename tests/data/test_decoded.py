"""Sets on the disk: the same examples, batches and runs as from memory."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from prepared_pets import prepare
from prepared_pictures import prepare as prepare_pictures
from same_examples import assert_same

from collaborative import datasets
from collaborative.data import batches
from collaborative.experiments.config import ExperimentConfig
from collaborative.system import limits
from collaborative.training import train as trainer


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A data_dir with `pets`, 30 and 10 pictures of 4x6x3, and `roses` of any size."""
    data_dir = tmp_path_factory.mktemp("sets")
    prepare(data_dir)
    return prepare_pictures(data_dir, "roses", "png")


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
