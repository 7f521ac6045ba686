"""Sets whose pictures a report can do without: missing, small, strange, damaged."""

import pathlib

import numpy as np
import pytest
from archives import LETTERS, png, write
from picture_files import noise, picture_file

from collaborative.data import own_names
from collaborative.report import figures, page, pictures


@pytest.fixture(scope="module")
def runs(paper):
    """A run of the author's, as a short one, so that there is little else to draw."""
    runs = paper.query("dataset == 'mnist' and method == 'Single'")
    return runs.assign(setting="epochs 2")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Figures of curves are not drawn; those of samples are, as SVG only."""

    def save(figure, directory, name, suffixes):
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{name}.svg"
        path.write_text("<svg/>")
        if "samples" in name or "pca" in name:
            figure.savefig(path)
        return path

    monkeypatch.setattr(figures, "save", save)


def prepare(data_dir, images, labels, names=tuple("0123456789"), **options):
    """Prepares a set that is called mnist, by tfds's own means."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=images.shape[1:]),
            "label": tfds.features.ClassLabel(names=names),
        }
    )
    content = {"image": images, "label": labels}
    train = tf.data.Dataset.from_tensor_slices(content)
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mnist", version="3.0.1", features=features, data_dir=data_dir,
        split_datasets={"train": train}, disable_shuffling=True, **options,
    )  # fmt: skip
    return pathlib.Path(data_dir, "mnist", "3.0.1")


def digits(count, classes=10):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    images = rng.integers(0, 200, (count, 28, 28, 1)) + 5 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


def report(runs, tmp_path, **options):
    """The page's text, what was said, and the names of the figures of samples."""
    lines, output_dir = [], tmp_path / "report"
    output_dir.mkdir()
    path = page.write(
        runs, output_dir, latency=False, say=lines.append, is_paper=True,
        places={"data_dir": tmp_path, "manual_dir": None} | options,
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    figures = {p.stem for p in output_dir.glob("figures/*")}
    return (
        text,
        [line for line in lines if "mnist" in line.split(":")[0].split()],
        {name for name in figures if name.endswith(("samples", "pca"))},
    )


SAMPLES, PCA = "figure_3.1_mnist_samples", "figure_3.4_mnist_pca"


def test_a_set_like_mnist_has_both_figures(runs, tmp_path):
    prepare(tmp_path, *digits(60))
    _, lines, figures = report(runs, tmp_path)
    assert (lines, figures) == ([], {SAMPLES, PCA})


@pytest.mark.parametrize(
    "images, labels, reason",
    [
        (*digits(1), "3 images and 2 classes or more, here are 1 of 1"),
        (*digits(2), "here are 2 of 2"),
        (*digits(40, classes=1), "here are 40 of 1"),
        (np.zeros((40, 28, 28, 1), np.uint8), np.arange(40) % 10, "all images are the"),
    ],
)
def test_without_a_pca_the_samples_are_shown(runs, images, labels, reason, tmp_path):
    prepare(tmp_path, images, labels)
    text, (line,), figures = report(runs, tmp_path)
    assert figures == {SAMPLES}
    assert line.startswith("no PCA of mnist: ") and reason in line
    assert line in text


def test_more_classes_than_markers(runs, tmp_path):
    images, labels = digits(40, classes=12)
    prepare(tmp_path, images, labels, names=tuple("abcdefghijkl"))
    _, (line,), figures = report(runs, tmp_path)
    assert figures == {SAMPLES} and "labels up to 11" in line


def truncate_files(folder):
    for path in folder.glob("*tfrecord*"):
        path.write_bytes(path.read_bytes()[:500])


def remove_files(folder):
    for path in folder.glob("*tfrecord*"):
        path.unlink()


def scramble_info(folder):
    (folder / "dataset_info.json").write_text("{")


@pytest.mark.parametrize("damage", [truncate_files, remove_files, scramble_info])
def test_a_damaged_set_is_a_line(runs, damage, tmp_path):
    damage(prepare(tmp_path, *digits(40)))
    text, (line,), figures = report(runs, tmp_path)
    assert figures == set() and "\n" not in line
    assert line.startswith("no sample images of mnist: ") and len(line) < 900
    assert "What was trained" in text and "no sample images of mnist" in text


def test_whatever_fails_is_a_line(runs, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise NotImplementedError("no reader of this format\nat all")

    monkeypatch.setattr(pictures, "first_images", fail)
    _, (line,), _ = report(runs, tmp_path)
    assert line == (
        "no sample images of mnist: NotImplementedError: no reader of this format"
    )


def snapshot(folder):
    return {
        (str(path), path.stat().st_mtime_ns, path.stat().st_size)
        for path in [folder, *folder.rglob("*")]
    }


def test_pictures_of_one_s_own(runs, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in "ab":
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(4):
            image = noise(8, 8, seed=i)
            picture_file(tmp_path / "pets" / name, image, name=f"{i}.png")
    name = f"folder:{tmp_path / 'pets'}"
    own = runs.assign(dataset=name, image_size="12x8", color_mode="rgb")
    _, _, figures = report(own, tmp_path)
    assert figures == {f"figure_{own_names.short_name(name)}_samples"}
    settings = {"image_size": (12, 8), "color_mode": "rgb"}
    images, labels, classes = pictures.first_images(
        name, 5, settings, data_dir=None, manual_dir=None
    )
    assert images.shape == (5, 12, 8, 3) and len(labels) == 5 and classes == ("a", "b")
    (tmp_path / "pets").rename(tmp_path / "gone")
    (tmp_path / "again").mkdir()
    text, _, figures = report(own, tmp_path / "again")
    assert figures == set() and f"no sample images of {name}" in text


def test_nothing_is_written_where_the_data_lies(runs, tmp_path):
    """Archives of notMNIST lie there, which training would prepare."""
    data_dir = tmp_path / "data"
    manual_dir = data_dir / "downloads" / "manual"
    manual_dir.mkdir(parents=True)
    members = [
        (f"notMNIST_small/{c}/{i}.png", png()) for c in LETTERS for i in range(2)
    ]
    for size in ("small", "large"):
        write(manual_dir / f"notMNIST_{size}.tar.gz", members)
    before = snapshot(data_dir)
    text, _, figures = report(runs, tmp_path, data_dir=data_dir)
    assert snapshot(data_dir) == before and figures == set()
    assert "no sample images of notmnist_small: notmnist_small is not prepared" in text
