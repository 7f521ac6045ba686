"""notMNIST: from its archives to a set, and what may be wrong with either."""

import dataclasses
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from archives import LETTERS, png, write
from conftest import REAL_DATA, needs_real_data

from collaborative import datasets


def glyph(number):
    """A 28x28 PNG that tells its number: a grey level, and one white pixel."""
    image = np.full((28, 28, 1), number % 200, np.uint8)
    image[number // 28 % 28, number % 28] = 255
    return tf.io.encode_png(image).numpy()


def write_glyphs(path, per_class, unreadable=()):
    """An archive of per_class images of each letter, and of unreadable ones."""
    images = [
        (f"{letter}/{i}.png", glyph(10 * i + index))
        for index, letter in enumerate(LETTERS)
        for i in range(per_class)
    ]
    folder = path.name.removesuffix(".tar.gz")
    write(
        path,
        [(f"{folder}/{name}", content) for name, content in (*images, *unreadable)],
    )


@pytest.fixture(scope="module")
def manual_dir(tmp_path_factory):
    """A folder with a large archive of 12 images a class, and a small one of 5."""
    folder = tmp_path_factory.mktemp("manual")
    write_glyphs(
        folder / "notMNIST_small.tar.gz", 5, [("A/empty.png", b""), ("F/no.png", b"x")]
    )
    write_glyphs(folder / "notMNIST_large.tar.gz", 12, [("C/wide.png", png(width=27))])
    return folder


@pytest.fixture(scope="module")
def small(manual_dir, tmp_path_factory):
    """Arguments of `load` for the small set, prepared."""
    places = {"data_dir": tmp_path_factory.mktemp("data"), "manual_dir": manual_dir}
    datasets.load("notmnist_small", **places)
    return places


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
        members = [(m.name, archive.extractfile(m).read()) for m in archive]
    write(tmp_path / "notMNIST_small.tar.gz", reversed(members))
    sets = [
        datasets.load("notmnist_small", data_dir=tmp_path / f"{i}", manual_dir=manual)
        for i, manual in enumerate((manual_dir, tmp_path))
    ]
    np.testing.assert_array_equal(sets[0].train.images, sets[1].train.images)


@pytest.mark.slow
@needs_real_data
def test_real_notmnist_small(tmp_path):
    manual_dir = REAL_DATA / "downloads" / "manual"
    data = datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=manual_dir)
    assert len(data.train) + len(data.test) == 10_000
    assert data.notes[0].startswith("2 unreadable images were skipped: A/")


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
