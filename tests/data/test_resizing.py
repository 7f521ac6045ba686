"""Pictures of any size, made of one size: in sets, from files, in the settings."""

import math

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from prepared_pictures import PICTURES, prepare

from collaborative import datasets
from collaborative.data import pictures, resizing
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.runs import run_table
from collaborative.training import building


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A data_dir with `roses` of PNGs, `photos` of JPEGs, and `both`, with a test."""
    data_dir = tmp_path_factory.mktemp("flowers")
    prepare(data_dir, "roses", "png")
    prepare(data_dir, "photos", "jpeg")
    return prepare(data_dir, "both", "png", ("train", "test"))


def error_of(name, **settings):
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load(name, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_without_a_size_it_is_named(flowers):
    assert error_of("roses", split="pooled", data_dir=flowers) == (
        "the pictures of roses differ in size, and networks take one: add --image_size "
        "32x32, or another height and width, to stretch them to it"
    )


def test_a_set_without_test_pictures_is_told_of_the_pooled_split(flowers):
    assert error_of("roses", image_size=(16, 16), data_dir=flowers) == (
        "roses lacks the split test, it has train: add --split pooled, which sets some "
        "of its images aside for testing"
    )


def test_pictures_of_a_set_are_what_files_are_read_as(flowers, tmp_path):
    """A network that learnt from the set sees the same of a picture's file."""
    data = datasets.load("roses", "pooled", image_size=(16, 12), data_dir=flowers)
    assert (len(data.train), len(data.test)) == (16, 4)
    assert data.input_shape == (16, 12, 3) and data.train.images.dtype == np.uint8
    found = np.concatenate([data.train.images, data.test.images])
    for picture in PICTURES:
        Image.fromarray(picture).save(tmp_path / "picture.png")
        read = pictures.read(tmp_path / "picture.png", (16, 12, 3))
        assert any(np.array_equal(read, image) for image in found)
    labels = np.concatenate([data.train.labels, data.test.labels])
    assert np.bincount(labels).tolist() == [10, 10]


def test_jpegs_differ_by_how_they_are_decoded_alone(flowers, tmp_path):
    """TensorFlow's fast one and Pillow's: by 4 of 255 levels at most, 1 in the mean."""
    data = datasets.load("photos", "pooled", image_size=(16, 12), data_dir=flowers)
    found = np.concatenate([data.train.images, data.test.images]).astype(int)
    stored = tfds.builder("photos", data_dir=flowers).as_dataset(
        split="train", decoders={"image": tfds.decode.SkipDecoding()}
    )
    for example in stored.as_numpy_iterator():
        (tmp_path / "picture.jpg").write_bytes(example["image"])
        read = pictures.read(tmp_path / "picture.jpg", (16, 12, 3)).astype(int)
        differences = abs(found - read)
        nearest = differences[differences.mean(axis=(1, 2, 3)).argmin()]
        assert nearest.max() <= 4 and nearest.mean() <= 1


def test_each_seed_shuffles_the_same_pictures(flowers):
    one, same, other = (
        datasets.load("both", seed=s, image_size=(8, 8), data_dir=flowers)
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.train.images, same.train.images)
    assert (len(one.train), len(one.test)) == (20, 20)
    keys = [sorted(i.tobytes() for i in d.train.images) for d in (one, other)]
    assert keys[0] == keys[1] and (one.train.images != other.train.images).any()


def test_sets_of_one_size_are_resized_too():
    whole = datasets.load("digits", truncate=50)
    data = datasets.load("digits", truncate=50, image_size=(4, 12))
    assert data.input_shape == (4, 12, 1)
    np.testing.assert_array_equal(data.train.labels, whole.train.labels)
    wanted = [resizing.resized(image, (4, 12)) for image in whole.train.images]
    np.testing.assert_array_equal(data.train.images, wanted)
    same = datasets.load("digits", truncate=50, image_size=(8, 8))
    np.testing.assert_array_equal(same.train.images, whole.train.images)


def test_resizing_is_antialiased_and_bilinear():
    """Against the definition: a triangle as wide as what a pixel covers, by hand."""

    def matrix(old, new):
        scale = max(old / new, 1)
        centres = (np.arange(new) + 0.5) * old / new
        distance = abs(np.arange(old) + 0.5 - centres[:, None]) / scale
        weights = np.maximum(0, 1 - distance)
        return weights / weights.sum(axis=1, keepdims=True)

    picture = PICTURES[0]
    for height, width in ((10, 16), (7, 90), (100, 9)):
        rows, columns = matrix(40, height), matrix(64, width)
        wanted = np.einsum("ab,bcd,ec->aed", rows, picture, columns)
        found = resizing.resized(picture, (height, width))
        # Pillow rounds to whole levels after each of the two passes.
        assert np.abs(found - wanted).max() <= 1.1
        grey = resizing.resized(picture[..., :1], (height, width))
        np.testing.assert_array_equal(grey[..., 0], found[..., 0])
    # Stripes of one pixel have no place in a smaller picture: they become grey.
    stripes = np.tile(np.array([[0], [255]], np.uint8), (32, 64))
    small = resizing.resized(stripes, (16, 16))
    assert abs(small[1:-1].astype(int) - 127).max() <= 1


def test_a_damaged_picture_is_one_line(flowers, tmp_path):
    prepare(tmp_path, "roses", "png")
    (path,) = tmp_path.glob("roses/1.0.0/*tfrecord*")
    path.write_bytes(path.read_bytes()[:-1000])
    message = error_of("roses", split="pooled", image_size=(8, 8), data_dir=tmp_path)
    assert "roses/1.0.0 is damaged (tfrecord, train: " in message


def test_a_size_that_no_memory_holds(flowers):
    settings = {"split": "pooled", "image_size": (10**9 - 1,) * 2, "data_dir": flowers}
    assert "more than the memory" in error_of("roses", stream=False, **settings)
    assert "60.0EB decoded, more than there is room" in error_of("roses", **settings)


def test_the_size_is_a_setting(flowers):
    config = ExperimentConfig("roses", split="pooled", image_size="08x12", truncate=8)
    assert config.image_size == "8x12" and config.to_json()["image_size"] == "8x12"
    assert "image_size=8x12" in config.run_dir("logs").parent.name
    assert "image_size 8x12" in run_table.deviations(config)
    data = config.load_dataset(data_dir=flowers)
    assert data.input_shape == (8, 12, 3)
    other = ExperimentConfig(image_size="12x8", unlabeled="both", truncate=8)
    data = other.load_dataset(data_dir=flowers)
    assert data.input_shape == (12, 8, 1) and data.unlabeled.shape == (20, 12, 8, 1)


@pytest.mark.parametrize("text", ["", "32", "32x", "0x8", "8x-8", "8 x 8", "8x8x3"])
def test_sizes_that_cannot_be(text):
    with pytest.raises(ConfigError, match="image_size must be height x width") as found:
        ExperimentConfig(image_size=text)
    assert f"got {text!r}" in str(found.value)


def test_a_size_that_the_networks_cannot_halve(flowers):
    config = ExperimentConfig("roses", split="pooled", image_size="30x32")
    data = config.load_dataset(data_dir=flowers)
    steps = math.ceil(len(data.train) / config.batch_size)
    with pytest.raises(ConfigError, match=r"images of 30x32 .* 28 or 32"):
        building.build_model(config, data, steps)
