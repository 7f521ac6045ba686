import gzip
import json

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from archives import LETTERS, png, tar, write

from collaborative.data.not_mnist import not_mnist_dataset_builder as not_mnist

NOT_AN_IMAGE = b"text"


class Manager:
    """A download manager whose mirrors give `sizes` bytes, or fail where it is None."""

    def __init__(self, folder, sizes):
        self.manual_dir, self.sizes, self.asked = folder, iter(sizes), []

    def download(self, url):
        self.asked.append(url)
        size = next(self.sizes)
        if size is None:
            raise ConnectionError("no route")
        path = self.manual_dir / "downloaded"
        path.write_bytes(b"x" * size)
        return path


def prepare(config, manual_dir, data_dir):
    builder = not_mnist.Builder(config=config, data_dir=data_dir)
    download_config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=download_config)
    return not_mnist.Builder(config=config, data_dir=data_dir)


def stored(builder, split):
    """(label, first pixel) of each example of a split, as stored."""
    examples = builder.as_dataset(split=split).as_numpy_iterator()
    return [(int(e["label"]), int(e["image"][0, 0, 0])) for e in examples]


@pytest.mark.parametrize(
    "content, readable",
    [
        (png(), True),
        (png(channels=3), True),
        (png(width=27), False),
        (png()[:-30], False),
        (b"", False),
        (NOT_AN_IMAGE, False),
    ],
)
def test_is_readable(content, readable):
    assert not_mnist.is_readable(content) is readable


def test_read_archive_takes_the_images_of_the_ten_letters(tmp_path):
    members = [
        ("notMNIST_small/A/1.png", b"one"),
        ("notMNIST_small/README.txt", b"no image"),
        ("notMNIST_small/K/2.png", b"no such class"),
        ("notMNIST_small/B/3.txt", b"no image"),
        ("4.png", b"no class"),
        ("./notMNIST_small/J/5.png", b"five"),
    ]
    images = list(not_mnist.read_archive(write(tmp_path / "a.tar.gz", members)))
    assert images == [("A/1.png", b"one"), ("J/5.png", b"five")]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: NOT_AN_IMAGE,
        lambda whole: whole[:-5],
        # gzip's checksum of the content is in bytes -8 to -5.
        lambda whole: whole[:-8] + bytes([whole[-8] ^ 255]) + whole[-7:],
    ],
    ids=["empty", "text", "cut short", "checksum"],
)
def test_a_damaged_archive_is_named(damage, tmp_path):
    path = write(tmp_path / "a.tar.gz", [("x/A/1.png", png())])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(not_mnist.ArchiveError, match=r"a\.tar\.gz is damaged \(.+\)"):
        list(not_mnist.read_archive(path))


def test_a_broken_header_in_the_middle_is_not_taken_for_the_end(tmp_path):
    names = [f"x/A/{i}.png" for i in range(100)]
    content = bytearray(tar([(name, b"0" * 512) for name in names]))
    content[content.index(b"x/A/50.png") + 148] ^= 255  # a byte of its checksum
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(not_mnist.ArchiveError, match="goes on after its end"):
        list(not_mnist.read_archive(path))


def test_an_archive_by_hand_is_taken_as_it_is(tmp_path):
    path = write(tmp_path / not_mnist.SMALL.name, [])
    manager = Manager(tmp_path, [])
    assert not_mnist.locate(manager, not_mnist.SMALL) == path
    assert not manager.asked


def test_the_second_mirror_is_tried(tmp_path):
    archive = not_mnist.Archive("some.tar.gz", 7)
    manager = Manager(tmp_path, [None, 7])
    assert not_mnist.locate(manager, archive).read_bytes() == b"x" * 7
    assert manager.asked == [
        "https://commondatastorage.googleapis.com/books1000/some.tar.gz",
        "http://yaroslavvb.com/upload/notMNIST/some.tar.gz",
    ]


def test_no_mirror(tmp_path):
    archive = not_mnist.Archive("some.tar.gz", 7)
    with pytest.raises(not_mnist.ArchiveError) as raised:
        not_mnist.locate(Manager(tmp_path, [None, None]), archive)
    message = str(raised.value)
    assert message.startswith("no mirror gave some.tar.gz: https://commondata")
    assert message.count("ConnectionError") == 2 and "\n" not in message


def test_a_download_of_the_wrong_size(tmp_path):
    archive = not_mnist.Archive("some.tar.gz", 7)
    with pytest.raises(not_mnist.ArchiveError, match="has 6 bytes instead of 7: remov"):
        not_mnist.locate(Manager(tmp_path, [6]), archive)


def test_splits_and_what_was_skipped(tmp_path):
    grey = tf.io.encode_png(tf.fill((28, 28, 1), tf.constant(9, tf.uint8))).numpy()
    large = [("x/C/1.png", grey), ("x/B/2.png", NOT_AN_IMAGE), ("x/A/2.png", b"")]
    write(tmp_path / "notMNIST_large.tar.gz", large)
    write(tmp_path / "notMNIST_small.tar.gz", [("x/J/1.png", png())])
    full = prepare("full", tmp_path, tmp_path / "data")
    assert (stored(full, "train"), stored(full, "test")) == ([(2, 9)], [(9, 0)])
    kept = json.loads((full.data_path / "metadata.json").read_text())
    assert kept == {"unreadable": {"train": ["A/2.png", "B/2.png"], "test": []}}
    assert full.info.features["label"].names == list(LETTERS)
    small = prepare("small", tmp_path, tmp_path / "data")
    assert list(small.info.splits) == ["train"] and stored(small, "train") == [(9, 0)]


def test_stored_order_depends_on_the_names_only(tmp_path):
    members = [(f"x/{letter}/{i}.png", png()) for i in range(5) for letter in LETTERS]
    orders = []
    for number, some in enumerate((members, members[::-1], members[7:] + members[:7])):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder / "notMNIST_small.tar.gz", some)
        orders.append(stored(prepare("small", folder, folder / "data"), "train"))
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) == [(c, 0) for c in range(10) for _ in range(5)]


def test_an_archive_without_a_readable_image(tmp_path):
    write(tmp_path / "notMNIST_small.tar.gz", [("x/A/1.png", NOT_AN_IMAGE)])
    with pytest.raises(not_mnist.ArchiveError, match="holds no readable image"):
        prepare("small", tmp_path, tmp_path / "data")
    assert not list(tmp_path.rglob("dataset_info.json"))


def test_published_sizes():
    sizes = {
        archive.name: archive.size for archive in (not_mnist.LARGE, not_mnist.SMALL)
    }
    assert sizes == {
        "notMNIST_large.tar.gz": 247_336_696,
        "notMNIST_small.tar.gz": 8_458_043,
    }
