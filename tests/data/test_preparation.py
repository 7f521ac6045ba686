import time
import urllib.error

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from archives import png

from collaborative import datasets
from collaborative.data import downloads, preparation, stored
from collaborative.data.not_mnist import not_mnist_dataset_builder as not_mnist


class Toy(tfds.core.GeneratorBasedBuilder):
    """A set of tfds: 3 training images of 2x2x3, and a test image without a label."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(2, 2, 3)),
            "label": tfds.features.ClassLabel(names=["no", "yes"]),
            "words": tfds.features.Sequence(tfds.features.Text()),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples([0, 1, 1]),
            "test": self._generate_examples([-1]),
            "extra": self._generate_examples([0]),
        }

    def _generate_examples(self, labels):
        for number, label in enumerate(labels):
            image = np.full((2, 2, 3), number, np.uint8)
            yield number, {"image": image, "label": label, "words": ["w"] * number}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    builder = Toy(data_dir=tmp_path_factory.mktemp("toy"))
    builder.download_and_prepare()
    return builder


@pytest.fixture
def small(tmp_path):
    """A data_dir in which notmnist_small lies prepared, and the folder of the set."""
    builder = not_mnist.Builder(config="small", data_dir=tmp_path)
    images = {f"A/{i}.png": png() for i in range(10)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(not_mnist, "locate", lambda *_: None)
        patch.setattr(not_mnist, "read_archive", lambda _: images.items())
        builder.download_and_prepare()
    return tmp_path, builder.data_path


def error_of(name, **places):
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load(name, **places)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_other_features_of_a_set_do_not_matter(toy):
    images, labels = stored.read_shuffled("toy", toy, ("train",), 1)
    assert images.shape == (3, 2, 2, 3) and images.dtype == np.uint8
    pairs = sorted(zip(images[:, 0, 0, 0].tolist(), labels.tolist(), strict=True))
    assert pairs == [(0, 0), (1, 1), (2, 1)]


def test_labels_that_are_hidden(toy):
    with pytest.raises(datasets.DatasetError, match="labels from -1 to -1"):
        stored.read_shuffled("toy", toy, ("test",), 1)


def test_a_lacking_split(toy):
    stored.check_splits("toy", toy, ("train", "test"))
    with pytest.raises(datasets.DatasetError) as raised:
        stored.check_splits("toy", toy, ("train", "dev"))
    assert str(raised.value).startswith("toy lacks the split dev, it has train, test,")


@pytest.mark.parametrize(
    "name, lacking",
    [
        (
            "imagenette",
            "pictures of imagenette differ in size, and networks take one: "
            "add --image_size 32x32",
        ),
        ("binarized_mnist", "a 'label' that is a ClassLabel (it has None)"),
        ("emnist/nothing", "cannot be opened (BuilderConfig nothing not found"),
        ("mnist:9.9.9", "cannot be opened (Dataset mnist cannot be loaded at version"),
    ],
)
def test_sets_that_do_not_fit(name, lacking, tmp_path):
    assert lacking in error_of(name, data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"{}"])
def test_a_damaged_dataset_info(content, small):
    data_dir, folder = small
    (folder / "dataset_info.json").write_bytes(content)
    assert f"if {folder.parent} is damaged" in error_of(
        "notmnist_small", data_dir=data_dir
    )
    assert (folder / "dataset_info.json").read_bytes() == content


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda f: (f / "dataset_info.json").unlink(), "it has no dataset_info.json"),
        (lambda f: (f / "metadata.json").write_text("{"), "metadata.json: Expecting"),
        (lambda f: next(f.glob("*.tfrecord*")).unlink(), "No such file"),
        (lambda f: next(f.glob("*.tfrecord*")).write_bytes(b""), "only 0 elements"),
    ],
    ids=["no info", "metadata", "no records", "empty records"],
)
def test_other_damage(damage, reason, small):
    data_dir, folder = small
    assert len(datasets.load("notmnist_small", data_dir=data_dir).train) == 8
    damage(folder)
    message = error_of("notmnist_small", data_dir=data_dir)
    assert message.startswith(f"{folder} is damaged (") and reason in message


@pytest.mark.parametrize(
    "name, url",
    [
        ("mnist", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        ("notmnist", "https://commondatastorage.googleapis.com/books1000/notMNIST_"),
    ],
)
def test_without_a_network_a_download_fails_soon(name, url, no_host, tmp_path):
    start = time.perf_counter()
    message = error_of(name, data_dir=tmp_path / "data", download=True)
    assert time.perf_counter() - start < 10
    assert message.startswith(f"{name} cannot be downloaded") and "no route" in message
    assert no_host[0].startswith(url) and len(no_host) <= 3
    assert not (tmp_path / "data").exists()


def test_a_host_that_answers_with_an_error_is_there(monkeypatch):
    def urlopen(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 405, "no HEAD", {}, None)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    downloads.check_network("set", ["http://some.host/file"])


def test_a_download_that_fails_leaves_nothing_prepared(monkeypatch, capsys, tmp_path):
    def download(self, url):
        raise ConnectionError("reset")

    monkeypatch.setattr(downloads, "check_network", lambda name, urls: None)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    message = error_of("notmnist_small", data_dir=tmp_path, download=True)
    assert message.startswith(f"notmnist_small could not be prepared in {tmp_path}: no")
    assert not list(tmp_path.rglob("*1.0.0*"))
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("preparing notmnist_small in ")


def test_a_set_that_another_process_prepared_meanwhile(monkeypatch, tmp_path):
    prepare = not_mnist.Builder.download_and_prepare

    def prepare_twice(self, **settings):
        other = not_mnist.Builder(config="small", data_dir=tmp_path)
        prepare(other, **settings)
        raise OSError("Directory not empty")

    monkeypatch.setattr(
        not_mnist, "read_archive", lambda _: [(f"A/{i}.png", png()) for i in range(5)]
    )
    monkeypatch.setattr(not_mnist.Builder, "download_and_prepare", prepare_twice)
    (tmp_path / not_mnist.SMALL.name).touch()
    data = datasets.load("notmnist_small", data_dir=tmp_path, manual_dir=tmp_path)
    assert (len(data.train), len(data.test)) == (4, 1)


def test_many_unreadable_images_are_counted(small):
    data_dir, _ = small
    names = [f"A/{i:02d}.png" for i in range(1200)]
    builder = not_mnist.Builder(config="small", data_dir=data_dir)
    builder.info.metadata.update(unreadable={"train": names})
    (note,) = preparation.notes(builder)
    assert note.startswith("1,200 unreadable images were skipped: A/00.png, A/01.png")
    assert note.endswith("A/09.png and 1,190 more")
    builder.info.metadata.update(unreadable={"train": ["A/1.png"]})
    assert preparation.notes(builder) == ("1 unreadable image was skipped: A/1.png",)


@pytest.fixture
def old_mnist(tmp_path):
    """A function: a data_dir in which mnist lies in other versions than tfds's own."""

    def prepared(*versions):
        for version in versions:
            tfds.dataset_builders.store_as_tfds_dataset(
                name="mnist",
                version=version,
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(num_classes=10),
                    }
                ),
                data_dir=tmp_path,
                split_datasets={
                    split: tf.data.Dataset.from_tensor_slices(
                        {
                            "image": np.zeros((10, 28, 28, 1), np.uint8),
                            "label": range(10),
                        }
                    )
                    for split in ("train", "test")
                },
            )
        return tmp_path

    return prepared


def test_another_version_with_the_same_examples_is_read(old_mnist):
    data = datasets.load("mnist", data_dir=old_mnist("2.0.0", "3.0.0", "1.0.0"))
    assert (len(data.train), len(data.test)) == (16, 4)
    (note,) = data.notes
    assert note.startswith("version 3.0.0 of mnist in ") and "own is 3.0.1" in note


def test_another_version_with_other_examples_is_named(old_mnist):
    data_dir = old_mnist("1.0.0", "2.0.0")
    message = error_of("mnist", data_dir=data_dir)
    assert message.startswith(
        f"mnist is not prepared in {data_dir}/mnist/3.0.1 (there is version 1.0.0, "
        "2.0.0, and 3.0.1 is wanted): add --download"
    )
    data = datasets.load("mnist:2.0.0", "official", data_dir=data_dir)
    assert len(data.train) == 10
    assert "there is version 1.0.0" in error_of("mnist:3.0.1", data_dir=data_dir)


def test_another_version_that_is_damaged(old_mnist):
    data_dir = old_mnist("3.0.0")
    (data_dir / "mnist/3.0.0/features.json").write_text("{")
    assert "mnist/3.0.0 is damaged" in error_of("mnist", data_dir=data_dir)


def test_the_home_directory(monkeypatch, tmp_path):
    """Which a shell leaves as ~ in --data_dir=~/sets; not everybody has one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    message = error_of("notmnist_small", data_dir="~/sets", manual_dir="~/archives")
    assert f"prepared in {tmp_path}/sets/" in message
    assert f"not in {tmp_path}/archives" in message
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    assert "prepared in" in error_of("notmnist_small", data_dir="~/sets")
