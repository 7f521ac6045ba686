"""Sets of tfds that are prepared from files that lie here, with no host to ask."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums, resource
from tensorflow_datasets.image_classification import mnist

from collaborative import datasets

URL = mnist.FashionMNIST.URL
COUNTS = {"train": 20, "t10k": 10}


@pytest.fixture
def archives(monkeypatch):
    """Contents of four archives of fashion_mnist by name, with few images each."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, count in COUNTS.items():
        images = rng.integers(0, 256, (count, 28, 28), np.uint8).tobytes()
        head = struct.pack(">4i", 2051, count, 28, 28)
        contents[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(head + images)
        labels = (np.arange(count) % 10).astype(np.uint8).tobytes()
        head = struct.pack(">2i", 2049, count)
        contents[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(head + labels)
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", COUNTS["train"])
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", COUNTS["t10k"])
    infos = {
        URL + name: checksums.UrlInfo(
            size=len(content),
            checksum=hashlib.sha256(content).hexdigest(),
            filename=name,
        )
        for name, content in contents.items()
    }
    # Further ones, which another version of the set may take.
    unused = checksums.UrlInfo(size=1, checksum="0" * 64, filename="unused.gz")
    monkeypatch.setattr(
        mnist.FashionMNIST, "url_infos", infos | {"http://other.host/unused.gz": unused}
    )
    return contents


def write(folder, contents):
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def error_of(**places):
    with pytest.raises(datasets.DatasetError) as raised:
        datasets.load("fashion_mnist", **places)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize("place", ["manual_dir", "downloads/manual"])
def test_archives_by_hand_need_no_host(archives, no_host, tmp_path, place, download):
    places = {"data_dir": tmp_path / "data", "download": download}
    if place == "manual_dir":
        places["manual_dir"] = tmp_path / "by hand"
        write(places["manual_dir"], archives)
    else:
        write(tmp_path / "data" / place, archives)
    data = datasets.load("fashion_mnist", **places)
    assert (len(data.train), len(data.test)) == (20, 10)
    assert np.bincount(data.train.labels).tolist() == [2] * 10
    assert not no_host


@pytest.mark.parametrize("folder", ["downloads", "downloads/fashion_mnist"])
def test_what_tfds_downloaded_before_needs_no_host(archives, no_host, tmp_path, folder):
    kept = {}
    for name, content in archives.items():
        url = URL + name
        info = mnist.FashionMNIST.url_infos[url]
        file = resource.get_dl_fname(url, info.checksum)
        kept |= {file: content, f"{file}.INFO": b"{}"}
    write(tmp_path / folder, kept)
    data = datasets.load("fashion_mnist", data_dir=tmp_path)
    assert (len(data.train), len(data.test)) == (20, 10) and not no_host


def test_a_file_that_lacks_is_named(archives, no_host, tmp_path):
    lacking = "t10k-images-idx3-ubyte.gz"
    archives.pop(lacking)
    write(tmp_path / "by hand", archives)
    places = {"data_dir": tmp_path / "data", "manual_dir": tmp_path / "by hand"}
    message = error_of(**places)
    assert f"{lacking} not in {tmp_path / 'by hand'}" in message
    assert "--download" in message and not no_host
    message = error_of(**places, download=True)
    assert "its host cannot be reached" in message and no_host == [URL + lacking]
    assert not list((tmp_path / "data").rglob("*tfrecord*"))


def test_another_set_s_archives_of_the_same_names(archives, no_host, tmp_path):
    write(tmp_path / "by hand", dict.fromkeys(archives, b"of another set"))
    message = error_of(data_dir=tmp_path / "data", manual_dir=tmp_path / "by hand")
    assert "has wrong checksum" in message and not no_host


def test_nothing_here_and_no_download(archives, no_host, tmp_path):
    message = error_of(data_dir=tmp_path / "data")
    assert message.startswith("fashion_mnist is not prepared in") and not no_host
    assert not list(tmp_path.iterdir())


def test_tfds_still_has_what_is_reached_into():
    """Its methods that `downloads.ask_first` puts itself before."""
    assert callable(tfds.core.DatasetBuilder._make_download_manager)
    assert callable(tfds.download.DownloadManager._download)
