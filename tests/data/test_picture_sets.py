"""Folders of pictures as data sets: decoded as predict.py does, once, and checked."""

import json
import shutil

import numpy as np
import pytest
from picture_files import noise, picture_file, turned
from PIL import Image

from collaborative import datasets, resnet
from collaborative.data import class_folders, picture_sets, pictures, resizing
from collaborative.system import limits

FORMATS = ("png", "JPG", "bmp", "gif", "webp", "TIFF")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where decoded pictures are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/collaborative/decoded"


def filled(root, per_class=5, classes="abc", shape=(8, 12), formats=FORMATS):
    """A folder with so many grey pictures of each class."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            image = noise(*shape, seed=10 * label + i)
            file = f"{i}.{formats[i % len(formats)]}"
            picture_file(root / name, image, name=file)
    return root


@pytest.fixture
def root(tmp_path):
    return filled(tmp_path / "pets")


def load(root, **settings):
    return datasets.load(f"folder:{root}", **settings)


def error_of(root, **settings):
    with pytest.raises(datasets.DatasetError) as raised:
        load(root, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def by_class(data):
    """All images of a data set as bytes, sorted, by the name of their class."""
    found = {name: [] for name in data.class_names}
    for part in (data.train, data.validation, data.test):
        for image, label in zip(part.images, part.labels, strict=True):
            found[data.class_names[label]].append(image.tobytes())
    return {name: sorted(images) for name, images in found.items()}


@pytest.mark.parametrize("color_mode, channels", [(None, 1), ("rgb", 3)])
def test_images_are_those_that_prediction_sees(root, color_mode, channels):
    for i in range(1, 9):
        (root / f"a/turned{i}.jpg").write_bytes(turned(i, "JPEG"))
    picture_file(root / "b", noise(8, 6, 4), name="clear.png")
    picture_file(root / "b", noise(20, 6, 3), "CMYK", "printed.tif")
    picture_file(root / "c", noise(8, 8).astype(np.uint16) * 257, name="deep.png")
    picture_file(root / "c", noise(8, 6, 3), "P", "palette.gif")
    data = load(root, color_mode=color_mode or "grayscale")
    assert data.input_shape == (8, 12, channels)
    shown = {
        name: sorted(
            pictures.read(path, data.input_shape).tobytes()
            for path in (root / name).iterdir()
        )
        for name in "abc"
    }
    assert by_class(data) == shown


def test_grey_or_colour_is_decided_by_the_pictures(root):
    grey = np.repeat(noise(8, 12)[..., None], 3, axis=2)
    picture_file(root / "c", grey, name="grey_as_colour.png")
    assert load(root).input_shape == (8, 12, 1)
    grey[3, 3] = (0, 0, 3)
    picture_file(root / "c", grey, name="colour.png")
    assert load(root).input_shape == (8, 12, 3)
    assert load(root, color_mode="grayscale").input_shape == (8, 12, 1)


def test_the_commonest_size_made_divisible(tmp_path):
    root = filled(tmp_path / "pets", shape=(30, 13))
    for name in "abc":
        picture_file(root / name, noise(40, 40), name="other.png")
    data = load(root)
    assert data.input_shape == (32, 12, 1)
    assert data.notes[0] == (
        "all are stretched to 32x12, since the commonest of 2 sizes is 30x13"
    )
    assert load(root, image_size=(8, 16)).input_shape == (8, 16, 1)


def test_a_turned_picture_counts_as_it_is_seen(tmp_path):
    root = tmp_path / "pets"
    for name in "ab":
        (root / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}.jpg").write_bytes(turned(6, "JPEG"))  # 8x6 on its side
    assert load(root).input_shape == (8, 8, 3)  # 6x8


def test_sizes_suit_the_paper_s_networks():
    for preset in resnet.PRESETS.values():
        assert resizing.MULTIPLE % 2 ** (preset.bricks - 1) == 0
    sides = [resizing.divisible(side) for side in (1, 5, 6, 28, 29, 30, 31)]
    assert sides == [4, 4, 8, 28, 28, 32, 32]


def test_photographs_need_a_size(tmp_path):
    root = filled(tmp_path / "pets", 2, shape=(300, 260), formats=("png",))
    message = "the pictures of pets are 300x260 or so, too large for these networks"
    assert message in error_of(root)
    assert load(root, image_size=(8, 8)).input_shape == (8, 8, 1)


def test_the_split_is_stratified_and_the_seed_s(tmp_path):
    root = filled(tmp_path / "pets", 10)
    shutil.rmtree(root / "c")
    filled(root, 25, "c", formats=("png",))
    data, same, other = (load(root, seed=s) for s in (1, 1, 2))
    assert np.bincount(data.train.labels).tolist() == [8, 8, 20]
    assert np.bincount(data.test.labels).tolist() == [2, 2, 5]
    assert data.notes == (
        "it has no pictures for testing: 9 are set aside, the same part of each class, "
        "drawn with seed 1",
    )
    np.testing.assert_array_equal(data.test.images, same.test.images)
    assert not np.array_equal(data.test.images, other.test.images)
    assert by_class(data) == by_class(other)
    assert len(load(root, validation=6).validation) == 6


def test_splits_of_its_own(tmp_path):
    for part, count in (("train", 5), ("test", 2), ("validation", 3)):
        filled(tmp_path / "pets" / part, count)
    root = tmp_path / "pets"
    data = load(root)
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sizes == [15, 9, 6] and data.notes == ()
    assert "has 9 validation images of its own" in error_of(root, validation=3)
    pooled = load(root, split="pooled")
    sizes = [len(part) for part in (pooled.train, pooled.validation, pooled.test)]
    assert sizes == [24, 0, 6]
    shutil.rmtree(root / "test/c")
    assert np.bincount(load(root).test.labels, minlength=3).tolist() == [2, 2, 0]
    shutil.rmtree(root / "test")
    data = load(root)
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sizes == [12, 9, 3] and "no pictures for testing" in data.notes[0]


def test_it_is_decoded_once(root, cache, capsys, monkeypatch):
    first = load(root)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"decoding pets, 1.44kB, once into {cache}/pets-")
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "read", None)
        patch.setattr(pictures, "size_and_mode", None)
        again, pooled = load(root), load(root, seed=3)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert by_class(first) == by_class(pooled)
    assert len(list(root.rglob("*"))) == 3 + 15  # nothing is written there


@pytest.mark.parametrize("what", ["added", "removed", "changed", "renamed", "damaged"])
def test_what_changed_is_decoded_anew(root, cache, what):
    before = load(root)
    path = root / "a/0.png"
    if what == "added":
        picture_file(root / "a", noise(8, 12, seed=99), name="more.png")
    elif what == "removed":
        path.unlink()
    elif what == "changed":
        picture_file(root / "a", 255 - noise(8, 12), name="0.png")
    elif what == "renamed":
        path.rename(root / "a/9.png")
    else:
        (images,) = cache.rglob("images.bin")
        images.write_bytes(images.read_bytes()[:-1])
    after = load(root)
    assert (by_class(after) == by_class(before)) == (what in ("renamed", "damaged"))
    assert (after.fingerprint == before.fingerprint) == (what == "damaged")
    found = class_folders.find(root)
    assert picture_sets.fingerprint(found, "elsewhere") == after.fingerprint["dataset"]


def test_a_copy_elsewhere_has_the_same_fingerprint(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copy)
    assert load(root).fingerprint == load(copy).fingerprint
    moved = datasets.load(f"folder:{tmp_path}/gone/copy", data_dir=tmp_path)
    assert moved.fingerprint == load(root).fingerprint


def test_from_the_disk_and_in_memory(root, monkeypatch):
    held, read = load(root, stream=False), load(root, stream=True)
    assert held.train.in_memory and not read.train.in_memory
    assert read.notes[0] == "its images are read from the disk, as they are needed"
    for part in ("train", "test"):
        one, other = getattr(held, part), getattr(read, part)
        np.testing.assert_array_equal(one.images, other.images[:])
        np.testing.assert_array_equal(one.labels, other.labels)
    monkeypatch.setattr(limits, "free_memory", lambda: 2 * 14 * 8 * 12)
    assert not load(root).train.in_memory
    assert "has 15 pictures, and 14 of 8x12x1 fit in memory: leave --nostream out" in (
        error_of(root, stream=False)
    )


def test_a_disk_without_room(root, monkeypatch):
    monkeypatch.setattr(limits, "free_disk", lambda place: 500)
    assert "where 5 of its 15 images would fit" in error_of(root)


def test_a_cache_that_cannot_be_written(root, cache, monkeypatch, tmp_path):
    cache.mkdir(parents=True)
    cache.chmod(0o555)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        assert len(load(root).train) == 12
    finally:
        cache.chmod(0o755)
    assert list((tmp_path / "collaborative").rglob("images.bin"))


def test_unreadable_files_are_named_and_skipped(root, tmp_path):
    (root / "a/empty.png").touch()
    (root / "b/notes.txt").write_text("about b")
    cut = (root / "c/2.bmp").read_bytes()[:-20]
    (root / "c/2.bmp").write_bytes(cut)
    (root / "c/gone.png").symlink_to(tmp_path / "nowhere")
    (root / "list.csv").touch()
    data = load(root)
    assert len(data.train) + len(data.test) == 14
    skipped, stray, _ = data.notes
    assert skipped.startswith("4 files were skipped: c/gone.png (a link to nothing), ")
    for said in ("a/empty.png (an empty file)", "b/notes.txt (not a picture)"):
        assert said in skipped
    assert "c/2.bmp (" in skipped
    assert stray == "1 file lies in no class: list.csv"
    assert load(root).notes == data.notes  # when it is read again, too


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "has no pictures of c to learn from: add some, or take the folder away"),
        (b"", r"of c to learn from \(skipped: c/0.png, an empty file\): add some"),
    ],
)
def test_a_class_without_pictures(tmp_path, content, message):
    root = filled(tmp_path / "pets", classes="ab")
    (root / "c").mkdir()
    if content is not None:
        (root / "c/0.png").write_bytes(content)
    with pytest.raises(datasets.DatasetError, match=message):
        load(root)


def test_one_picture_in_a_class(root):
    for i in range(1, 5):
        next((root / "b").glob(f"{i}.*")).unlink()
    assert "pets has 1 picture of b, and none of it would be left" in error_of(root)


def test_no_pictures_at_all(tmp_path):
    root = tmp_path / "pets"
    for name in "ab":
        (root / name).mkdir(parents=True)
    assert "holds no pictures: put some there" in error_of(root)
    for name in "ab":
        (root / name / "x.txt").write_text("x")
    assert "none of the 2 files in" in error_of(root)


def test_a_folder_that_changes_while_it_is_read(root, cache, monkeypatch):
    whole = pictures.read

    def read(path, shape):
        (root / "b/0.png").unlink(missing_ok=True)
        return whole(path, shape)

    monkeypatch.setattr(pictures, "read", read)
    message = "changed while they were read (15 files before, 14 now): start again"
    assert message in error_of(root)
    assert not list(cache.rglob("images.bin"))
    monkeypatch.undo()


def test_pictures_without_labels(root, tmp_path):
    wild = filled(tmp_path / "wild", classes="x", shape=(20, 20))
    picture_file(wild, noise(8, 12, 3), name="colour.png")
    data = datasets.with_unlabeled_pictures(load(root), f"folder:{wild}")
    assert data.unlabeled.shape == (6, 8, 12, 1)
    expected = pictures.read(wild / "colour.png", (8, 12, 1)).tobytes()
    assert expected in [image.tobytes() for image in data.unlabeled]
    assert set(data.fingerprint) == {"dataset", "unlabeled"}


def test_odd_names_are_kept_on_one_line(tmp_path):
    root = filled(tmp_path / "my pets", classes=["caf\u00e9", "two words", "a\nb"])
    data = load(root)
    assert data.class_names == ("a\\nb", "caf\u00e9", "two words")
    (facts,) = (tmp_path / "cache").rglob("decoded.json")
    assert json.loads(facts.read_text())["skipped"] == {}


def test_an_animation_shows_its_first_picture(root):
    frames = [Image.fromarray(noise(8, 12, seed=i)) for i in range(3)]
    frames[0].save(root / "a/0.gif", save_all=True, append_images=frames[1:])
    assert noise(8, 12).tobytes() in by_class(load(root))["a"]
