"""NumPy files as data sets: what is taken in which way, and what is refused."""

import zipfile

import numpy as np
import pytest

from collaborative import datasets
from collaborative.data import npz_files
from collaborative.data.errors import DatasetError
from collaborative.system import limits

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 8, 12), np.uint8)
LABELS = np.arange(30) % 3


def saved(folder, **changes):
    arrays = {"x_train": IMAGES, "y_train": LABELS}
    arrays |= {"x_test": IMAGES[:9], "y_test": LABELS[:9]} | changes
    path = folder / "my.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def test_grey_and_colour(tmp_path):
    names, notes, parts = npz_files.read(saved(tmp_path))
    assert (names, notes) == (("0", "1", "2"), [])
    np.testing.assert_array_equal(parts["train"].images, IMAGES[..., None])
    np.testing.assert_array_equal(parts["test"].labels, LABELS[:9])
    colour = np.stack([IMAGES] * 3, axis=-1)
    path = saved(tmp_path, x_train=colour, x_test=colour[:9])
    assert npz_files.read(path)[2]["test"].images.shape == (9, 8, 12, 3)


def test_images_are_shuffled_and_stretched(tmp_path):
    path = saved(tmp_path, class_names=np.array(["ant", "bee", "cow"]))
    data = datasets.load(str(path), image_size=(4, 4), seed=1)
    assert (data.name, data.class_names) == ("my", ("ant", "bee", "cow"))
    assert data.input_shape == (4, 4, 1)
    assert (len(data.train), len(data.validation), len(data.test)) == (30, 0, 9)
    assert data.train.labels.tolist() != LABELS.tolist()
    assert np.bincount(data.train.labels).tolist() == [10, 10, 10]
    pooled = datasets.load(f"npz:{path}", "pooled", seed=1)
    assert (len(pooled.train), len(pooled.test)) == (33, 6)
    assert np.bincount(pooled.test.labels).tolist() == [2, 2, 2]  # the same part each
    assert datasets.load(str(path), validation=5).fingerprint == pooled.fingerprint


def test_validation_images_of_its_own(tmp_path):
    more = {"x_validation": IMAGES[:6], "y_validation": LABELS[:6]}
    path = str(saved(tmp_path, **more))
    assert len(datasets.load(path).validation) == 6
    with pytest.raises(DatasetError, match="has 6 validation images of its own"):
        datasets.load(path, validation=5)


@pytest.mark.parametrize(
    "convert, note",
    [
        (lambda x: x / np.float32(255), "its values, 0..1, are taken as 0..255"),
        (lambda x: x.astype(float), "its values, 0..255, are rounded to whole levels"),
        (lambda x: x.astype(np.int64), None),
    ],
)
def test_other_types_of_the_same_images(tmp_path, convert, note):
    path = saved(tmp_path, x_train=convert(IMAGES), x_test=convert(IMAGES[:9]))
    _, notes, parts = npz_files.read(path)
    np.testing.assert_array_equal(parts["train"].images[..., 0], IMAGES)
    assert notes == ([note] if note else []) and parts["test"].images.dtype == np.uint8


def test_black_and_white(tmp_path):
    is_white = IMAGES > 127
    _, _, parts = npz_files.read(saved(tmp_path, x_train=is_white, x_test=is_white[:9]))
    np.testing.assert_array_equal(parts["train"].images[..., 0], is_white * 255)


def test_parts_of_other_types_have_one_scale(tmp_path):
    """What is black and white in one part is so in the other, whatever its type."""
    is_white = IMAGES > 127
    for other in (is_white.astype(np.uint8), is_white.astype(float)):
        for parts in ((is_white, other[:9]), (other, is_white[:9])):
            path = saved(tmp_path, x_train=parts[0], x_test=parts[1])
            _, _, found = npz_files.read(path)
            for part, wanted in (("train", is_white), ("test", is_white[:9])):
                levels = found[part].images[..., 0]
                np.testing.assert_array_equal(levels, wanted * 255)
    _, (note,), _ = npz_files.read(
        saved(tmp_path, x_train=np.uint8(is_white), x_test=np.uint8(is_white[:9]))
    )
    assert note.startswith("its values, 0 and 1, are taken as levels of 0..255")


def test_names_of_bytes(tmp_path):
    names = np.array(["ant", "bée", "cow"])
    path = saved(tmp_path, class_names=np.char.encode(names, "utf-8"))
    assert npz_files.read(path)[0] == ("ant", "bée", "cow")


def test_labels_in_a_column(tmp_path):
    _, _, parts = npz_files.read(saved(tmp_path, y_train=LABELS[:, None]))
    np.testing.assert_array_equal(parts["train"].labels, LABELS)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"x_test": None, "y_test": None}, r"\(it has no x_test, y_test\): give a"),
        ({"x_validation": IMAGES}, "it has no y_validation"),
        (
            {"x_train": IMAGES[0]},
            r"has the shape \[8, 12\], wanted are grey",
        ),
        (
            {"x_train": IMAGES[:, None].repeat(3, 1)},
            r"has the shape \[30, 3, 8, 12\], wanted",
        ),
        ({"x_test": IMAGES[:9, :4]}, r"\[9, 4, 12\], and x_train has \[30, 8, 12\]"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "some to each"),
        ({"x_train": IMAGES / 127.5 - 1}, "values from -1 to 255, wanted are 0..255"),
        ({"x_train": IMAGES * np.nan}, "of type float64 or not finite"),
        ({"x_train": IMAGES.astype("U3")}, "values of type <U3"),
        (
            {"y_train": LABELS[:-1]},
            r"is int64 \[29\], wanted is one integer",
        ),
        ({"y_train": np.eye(3)[LABELS]}, r"float64 \[30, 3\], wanted is one integer"),
        ({"y_test": LABELS[:9] + 1}, "y_test has labels from 1 to 3, of 3 classes"),
        ({"y_train": LABELS - 1}, "y_train has labels from -1 to 1, of 2 classes"),
        ({"y_train": LABELS * 2}, "y_train has no image of class 1, of 5 classes"),
        ({"y_train": LABELS * 0, "y_test": LABELS[:9] * 0}, "has one class"),
        ({"class_names": np.array(["a", "b"])}, "labels from 0 to 2, of 2 classes"),
        ({"class_names": np.array(["a", "b", "a"])}, "has 'a' more than once: give"),
        ({"x_train": IMAGES / 255}, "x_train in .* has values 0..1, and x_test up to"),
        ({"x_test": IMAGES[:9] > 99}, "x_test in .* has values 0..1, and x_train up"),
        ({"y_train": np.array([None] * 30)}, "it holds Python objects"),
    ],
)
def test_what_cannot_be_learnt(tmp_path, changes, message):
    with pytest.raises(DatasetError, match=message) as raised:
        npz_files.read(saved(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:900])


def garble(path):
    content = bytearray(path.read_bytes())
    content[400:440] = b"\xff" * 40
    path.write_bytes(content)


def no_arrays(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", "no array")


@pytest.mark.parametrize(
    "damage",
    [cut, garble, no_arrays, lambda p: p.unlink(), lambda p: p.write_bytes(b"")],
)
def test_damaged_files(tmp_path, damage):
    path = saved(tmp_path)
    damage(path)
    with pytest.raises(DatasetError, match=r"my\.npz cannot be read") as raised:
        datasets.load(str(path))
    assert "\n" not in str(raised.value)


def test_more_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "free_memory", lambda: 20 * 8 * 12 * 3)
    with pytest.raises(DatasetError, match="39 images, and 20 of them fit in memory"):
        npz_files.read(saved(tmp_path))


def test_it_is_not_streamed(tmp_path):
    with pytest.raises(datasets.DatasetChoiceError, match="leave --stream out"):
        datasets.load(str(saved(tmp_path)), stream=True)
