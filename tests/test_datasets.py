import dataclasses
import io
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
import tensorflow as tf
from conftest import REAL_DATA, ROOT

import datasets
from experiments import ExperimentConfig

needs_real_data = pytest.mark.skipif(
    not REAL_DATA.exists(), reason="needs ../shared/data"
)
LETTERS = "ABCDEFGHIJ"


def glyph(number):
    """A 28x28 PNG that tells its number: a grey level, and one white pixel."""
    image = np.full((28, 28, 1), number % 200, np.uint8)
    image[number // 28 % 28, number % 28] = 255
    return tf.io.encode_png(image).numpy()


def write_archive(path, per_class, unreadable=()):
    """An archive in the layout of the published ones, of per_class images A to J."""
    folder = path.name.removesuffix(".tar.gz")
    images = {
        f"{folder}/{letter}/{i}.png": glyph(10 * i + index)
        for index, letter in enumerate(LETTERS)
        for i in range(per_class)
    }
    images |= {f"{folder}/{name}": content for name, content in unreadable}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in images.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def manual_dir(tmp_path_factory):
    """A folder with a large archive of 12 images a class, and a small one of 5."""
    folder = tmp_path_factory.mktemp("manual")
    wide = tf.io.encode_png(np.zeros((28, 27, 1), np.uint8)).numpy()
    write_archive(
        folder / "notMNIST_small.tar.gz", 5, [("A/empty.png", b""), ("F/no.png", b"x")]
    )
    write_archive(folder / "notMNIST_large.tar.gz", 12, [("C/wide.png", wide)])
    return folder


@pytest.fixture(scope="module")
def small(manual_dir, tmp_path_factory):
    """Arguments of `load` for the small set, prepared."""
    places = {"data_dir": tmp_path_factory.mktemp("data"), "manual_dir": manual_dir}
    datasets.load("notmnist_small", **places)
    return places


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


def test_notmnist_small(small):
    data = datasets.load("notmnist_small", **small)
    assert (len(data.train), len(data.test)) == (40, 10)
    assert data.class_names == tuple(LETTERS)
    assert data.notes == ("2 unreadable images were skipped: A/empty.png, F/no.png",)
    # Label and pixels belong together: the grey level is 10 * i + label.
    for part in (data.train, data.test):
        np.testing.assert_array_equal(part.images[:, -1, -1, 0] % 10, part.labels)


def test_preparing_again_gives_the_same(small, manual_dir, tmp_path):
    one = datasets.load("notmnist_small", **small)
    other = datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=manual_dir)
    np.testing.assert_array_equal(one.train.images, other.train.images)


def test_notmnist_trains_on_the_large_archive(manual_dir, tmp_path, monkeypatch):
    places = {"data_dir": tmp_path, "manual_dir": manual_dir}
    data = datasets.load("notmnist", **places)
    assert (len(data.train), len(data.test)) == (120, 50)
    assert data.notes == (
        "3 unreadable images were skipped: A/empty.png, F/no.png, C/wide.png",
    )
    capped = dataclasses.replace(datasets.DATASETS["notmnist"], per_class=(7, 3))
    monkeypatch.setitem(datasets.DATASETS, "notmnist", capped)
    data = datasets.load("notmnist", **places)
    assert np.bincount(data.train.labels).tolist() == [7] * 10
    assert np.bincount(data.test.labels).tolist() == [3] * 10
    np.testing.assert_array_equal(
        data.train.images[:, -1, -1, 0] % 10, data.train.labels
    )
    pooled = datasets.load("notmnist", "pooled", **places)
    assert (len(pooled.train), len(pooled.test)) == (136, 34)


def test_order_in_the_archive_does_not_matter(manual_dir, tmp_path):
    with tarfile.open(manual_dir / "notMNIST_small.tar.gz") as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive.getmembers()]
    with tarfile.open(tmp_path / "notMNIST_small.tar.gz", "w:gz") as archive:
        for member, content in reversed(members):
            archive.addfile(member, io.BytesIO(content))
    sets = [
        datasets.load("notmnist_small", data_dir=tmp_path / f"{i}", manual_dir=manual)
        for i, manual in enumerate((manual_dir, tmp_path))
    ]
    np.testing.assert_array_equal(sets[0].train.images, sets[1].train.images)


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


@needs_real_data
def test_real_notmnist_small(tmp_path):
    manual_dir = REAL_DATA / "downloads" / "manual"
    data = datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=manual_dir)
    assert len(data.train) + len(data.test) == 10_000
    assert data.notes[0].startswith("2 unreadable images were skipped: A/")


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


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record[: len(record) // 2],
        lambda record: record[:900] + bytes([record[900] ^ 255]) + record[901:],
    ],
)
def test_a_damaged_record(damage, small, manual_dir, tmp_path):
    datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=manual_dir)
    (record,) = tmp_path.rglob("*.tfrecord*")
    content = damage(record.read_bytes())
    record.write_bytes(content)
    with pytest.raises(datasets.DatasetError, match="is damaged") as raised:
        datasets.load("notmnist_small", data_dir=tmp_path)
    assert "\n" not in str(raised.value) and str(tmp_path) in str(raised.value)
    assert record.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_archive(content, manual_dir, tmp_path):
    if content is None:
        whole = (manual_dir / "notMNIST_small.tar.gz").read_bytes()
        content = whole[: len(whole) // 2]
    (tmp_path / "notMNIST_small.tar.gz").write_bytes(content)
    data_dir = tmp_path / "data"
    with pytest.raises(datasets.DatasetError, match=r"notMNIST_small\.tar\.gz"):
        datasets.load("notmnist_small", data_dir=data_dir, manual_dir=tmp_path)
    assert not list(data_dir.rglob("*.tfrecord*"))
    assert (tmp_path / "notMNIST_small.tar.gz").read_bytes() == content


def test_a_folder_that_is_not_to_be_written(manual_dir, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(datasets.DatasetError, match="cannot be written to"):
            datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=manual_dir)
    finally:
        tmp_path.chmod(0o755)


def test_labels_out_of_range():
    check = datasets.preparation._check_labels
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


def test_images_of_another_data_set_without_labels():
    digits = datasets.load("digits")
    red = np.zeros((5, 32, 16, 3), np.uint8)
    red[..., 0] = 255
    other = dataclasses.replace(
        digits, name="red", train=datasets.Examples(red, np.zeros(5, np.int64))
    )
    grey = datasets.with_unlabeled(digits, other).unlabeled
    assert grey.shape == (5, 8, 8, 1) and np.all(grey == 76)  # the luma of red
    colour = datasets.with_unlabeled(other, digits).unlabeled
    assert colour.shape == (1438, 32, 16, 3)
    assert np.all(colour[..., 0] == colour[..., 1])
    assert datasets.with_unlabeled(digits, digits).unlabeled is digits.train.images
