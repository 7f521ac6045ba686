import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import REAL_DATA, ROOT, needs_real_data

from collaborative import datasets
from collaborative.data import examples
from collaborative.experiments.config import ExperimentConfig


def rows(*parts):
    """The images of the parts, each as bytes with its label, sorted."""
    pairs = [zip(part.images, part.labels, strict=True) for part in parts]
    return sorted((image.tobytes(), int(label)) for p in pairs for image, label in p)


def test_digits():
    data = datasets.load("digits")
    assert (len(data.train), len(data.validation), len(data.test)) == (1438, 0, 359)
    assert (data.input_shape, data.num_classes) == ((8, 8, 1), 10)
    assert data.train.images.dtype == np.uint8 and data.train.labels.dtype == np.int64
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert np.bincount(data.train.labels).min() > 100


def test_seed_decides_the_split():
    one, same, other = (datasets.load("digits", seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.test.images, same.test.images)
    assert not np.array_equal(one.test.labels, other.test.labels)
    assert rows(one.train, one.test) == rows(other.train, other.test)


def test_validation_is_taken_from_the_training_images_only():
    whole = datasets.load("digits")
    data = datasets.load("digits", validation=100)
    assert (len(data.train), len(data.validation)) == (1338, 100)
    np.testing.assert_array_equal(data.train.images, whole.train.images[:1338])
    np.testing.assert_array_equal(data.validation.labels, whole.train.labels[1338:])
    np.testing.assert_array_equal(data.test.labels, whole.test.labels)


def test_truncate_keeps_the_first_images():
    whole = datasets.load("digits")
    data = datasets.load("digits", truncate=400)
    assert (len(data.train), len(data.test)) == (400, 359)
    np.testing.assert_array_equal(data.train.labels, whole.train.labels[:400])


@pytest.mark.slow
@needs_real_data
@pytest.mark.parametrize(
    "name, shape, pooled, official",
    [
        ("mnist", (28, 28, 1), (60_000, 10_000), (60_000, 10_000)),
        # Only 1,000 of the test images are in the data at hand.
        ("cifar10", (32, 32, 3), (41_000, 10_000), (50_000, 1_000)),
    ],
)
def test_real_data(name, shape, pooled, official):
    data = datasets.load(name, data_dir=REAL_DATA)
    assert (data.input_shape, data.num_classes) == (shape, 10)
    assert (len(data.train), len(data.test)) == pooled
    other = datasets.load(name, "official", data_dir=REAL_DATA)
    assert (len(other.train), len(other.test)) == official
    counts = [
        np.bincount(np.concatenate([d.train.labels, d.test.labels])).tolist()
        for d in (data, other)
    ]
    assert counts[0] == counts[1]
    if name == "cifar10":
        means = other.train.images.mean(axis=(0, 1, 2))
        np.testing.assert_allclose(means, [125.307, 122.950, 113.865], atol=1e-3)


@pytest.mark.parametrize(
    "name, settings, message",
    [
        ("digits", {"split": "official"}, "digits has no split 'official'"),
        ("digits", {"validation": 1438}, "validation must be from 0 to 1,437"),
        ("digits", {"validation": -1}, "not -1"),
        ("digits", {"truncate": 1439}, "truncate must be from 0"),
        ("digits", {"seed": -1}, "seed must be 0 or more"),
        ("mnits", {}, "no data set 'mnits': use mnist"),
        ("not a name!", {}, "there is no data set 'not a name!'"),
    ],
)
def test_choices_that_cannot_be(name, settings, message):
    with pytest.raises(datasets.DatasetChoiceError, match=message):
        datasets.load(name, **settings)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "notmnist_small"])
def test_a_missing_set_is_explained_at_once(name, tmp_path):
    datasets.load("digits")  # so that the imports are done
    start = time.perf_counter()
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load(name, data_dir=tmp_path)
    assert time.perf_counter() - start < 10
    message = str(raised.value)
    assert f"not prepared in {tmp_path}" in message and "\n" not in message
    assert f"--dataset {name}" in message and "--download" in message
    if name == "notmnist_small":
        assert "notMNIST_small.tar.gz" in message and "--manual_dir" in message
    assert not list(tmp_path.iterdir())


def test_a_set_that_is_not_for_classification(tmp_path):
    with pytest.raises(datasets.DatasetError, match="lacks"):
        datasets.load("coco", data_dir=tmp_path)


def test_labels_out_of_range():
    check = examples.check_labels
    check("set", np.array([0, 9]), 10)
    with pytest.raises(datasets.DatasetError, match="labels from 0 to 9, wanted"):
        check("set", np.array([0, 9]), 9)
    with pytest.raises(datasets.DatasetError, match="labels from -1 to 1"):
        check("set", np.array([-1, 1]), 9)


def test_label_noise():
    data = ExperimentConfig("digits", validation=100).load_dataset()
    noisy = ExperimentConfig("digits", validation=100, label_noise=0.2).load_dataset()
    wrong = noisy.train.labels != data.train.labels
    assert wrong.sum() == round(0.2 * len(data.train))
    shifts = (noisy.train.labels - data.train.labels)[wrong] % 10
    assert np.bincount(shifts, minlength=10)[1:].min() > 10  # of 30 expected each
    for part in ("validation", "test"):
        np.testing.assert_array_equal(
            getattr(noisy, part).labels, getattr(data, part).labels
        )
    np.testing.assert_array_equal(noisy.train.images, data.train.images)
    assert data.noisy_validation is None
    aside = noisy.noisy_validation
    np.testing.assert_array_equal(aside.images, data.validation.images)
    wrong = aside.labels != data.validation.labels
    assert wrong.sum() == 20
    again = datasets.with_label_noise(data, 0.2, 912).train.labels
    np.testing.assert_array_equal(again, noisy.train.labels)
    assert (datasets.with_label_noise(data, 0.2, 1).train.labels != again).any()


def test_importing_is_light():
    code = "import sys, datasets; print({'tensorflow', 'sklearn'} & set(sys.modules))"
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert output.strip() == "set()"


def test_few_labels_and_images_without():
    whole = datasets.load("digits")
    few = datasets.with_few_labels(whole, 0.1, 0.5)
    assert (len(few.train), len(few.unlabeled)) == (144, 719)
    np.testing.assert_array_equal(few.train.images, whole.train.images[:144])
    np.testing.assert_array_equal(few.train.labels, whole.train.labels[:144])
    np.testing.assert_array_equal(few.unlabeled, whole.train.images[-719:])
    rest = datasets.with_few_labels(whole, 1.0, 0.25)
    assert (len(rest.train), len(rest.unlabeled)) == (1078, 360)
    assert datasets.with_few_labels(whole, 0.1, 0).unlabeled is None
    with pytest.raises(datasets.DatasetChoiceError, match="leave 0 with and 1,438"):
        datasets.with_few_labels(whole, 0.5, 0.9999)


def test_images_of_another_data_set_without_labels(tmp_path):
    digits = datasets.load("digits")
    red = np.zeros((10, 32, 16, 3), np.uint8)
    red[..., 0] = 255
    path = str(tmp_path / "red.npz")
    np.savez(path, x_train=red, y_train=np.arange(10) % 2, x_test=red, y_test=[0] * 10)
    extended = datasets.with_unlabeled(digits, path, 1)
    mark = datasets.load(path).fingerprint["dataset"]
    assert extended.fingerprint == {"unlabeled": mark}
    grey = extended.unlabeled
    assert grey.shape == (10, 8, 8, 1) and np.all(grey == 76)  # the luma of red
    colour = datasets.with_unlabeled(datasets.load(path), "digits", 912).unlabeled
    stretched = datasets.load("digits", image_size=(32, 16)).train.images
    np.testing.assert_array_equal(colour, stretched.repeat(3, axis=3))
    same = datasets.with_unlabeled(digits, "digits", 912).unlabeled
    np.testing.assert_array_equal(same, digits.train.images)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1, 3], r"tiny \(test\) has labels from 0 to 3, wanted are 0 to 2"),
        ([0, 1, -1], r"tiny \(test\) has labels from -1 to 1, wanted are 0 to 2"),
        (
            [0.0, 1.0, 2.0],
            r"tiny \(test\) has labels float64 \[3\], wanted is one integer",
        ),
        ([[1, 0, 0]] * 3, r"tiny \(test\) has labels int64 \[3, 3\], wanted is one"),
        ([0, 1], r"tiny \(test\) has 3 images and 2 labels"),
    ],
)
def test_arrays_of_one_s_own(labels, message):
    """They are refused at once, not deep in a training step."""
    images = np.zeros((3, 8, 8, 1), np.uint8)
    right = datasets.Examples(images, np.array([0, 1, 2]))
    none = datasets.Examples(images[:0], right.labels[:0])
    assert datasets.Dataset("tiny", tuple("abc"), right, none, right).num_classes == 3
    wrong = datasets.Examples(images, np.array(labels))
    with pytest.raises(datasets.DatasetError, match=message):
        datasets.Dataset("tiny", tuple("abc"), right, none, wrong)
