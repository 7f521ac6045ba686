"""CIFAR-100 as TensorFlow Datasets prepares it: fine and coarse labels."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from collaborative import datasets
from collaborative.experiments.config import ExperimentConfig

COUNTS = {"train": 300, "test": 100}
KINDS = (("fine", 100), ("coarse", 20))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A set of its form. The first pixel of an image is its label."""
    folder = tmp_path_factory.mktemp("sets")
    fine, coarse = ([f"{kind} {i}" for i in range(n)] for kind, n in KINDS)
    features = tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(names=fine),
            "coarse_label": tfds.features.ClassLabel(names=coarse),
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="cifar100",
        version="3.0.2",
        features=features,
        data_dir=folder,
        split_datasets={split: part(split, n) for split, n in COUNTS.items()},
    )
    return folder


def part(split, count):
    labels = np.arange(count) % 100
    images = np.zeros((count, 32, 32, 3), np.uint8)
    images[:, 0, 0, 0] = labels
    content = {
        "id": [f"{split}_{i}" for i in range(count)],
        "image": images,
        "label": labels,
        "coarse_label": labels % 20,
    }
    return tf.data.Dataset.from_tensor_slices(content)


def test_its_fine_labels_are_learnt_as_published(data_dir):
    found = datasets.load("cifar100", data_dir=data_dir)
    assert (len(found.train), len(found.test)) == (300, 100)
    assert (found.input_shape, found.num_classes) == ((32, 32, 3), 100)
    for examples in (found.train, found.test):
        np.testing.assert_array_equal(examples.images[:, 0, 0, 0], examples.labels)
        assert set(examples.labels) == set(range(100))


def test_its_images_are_flipped_and_its_errors_have_a_heading():
    assert datasets.spec("cifar100").flips
    config = ExperimentConfig("cifar100")
    assert (config.split, config.epochs) == ("official", 30)
    assert datasets.spec("cifar100").label == "CIFAR-100"


def test_pooled_and_cut_short(data_dir):
    config = ExperimentConfig("cifar100", split="pooled", truncate=150, validation=50)
    found = config.load_dataset(data_dir=data_dir)
    parts = (found.train, found.validation, found.test)
    assert [len(p) for p in parts] == [100, 50, 80]
