"""The tfds builder of notMNIST (the paper's section 3.1.2).

It reads the published archives as a stream, without unpacking half a million files, and
stores each PNG as it is. As in the paper, nothing is cleaned; only images that cannot
be read are skipped, and `info.metadata["unreadable"]` keeps their names by split.
"""

import contextlib
import dataclasses
import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import ClassVar

import tensorflow as tf
import tensorflow_datasets as tfds

from collaborative.system.errors import UserError

CLASS_NAMES = tuple("ABCDEFGHIJ")
IMAGE_SHAPE = (28, 28, 1)
MIRRORS = (
    "https://commondatastorage.googleapis.com/books1000/",
    "http://yaroslavvb.com/upload/notMNIST/",
)


class ArchiveError(UserError):
    """An archive is damaged or not what it should be; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Archive:
    """A published archive: its file name and its size in bytes."""

    name: str
    size: int

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it is published, in the order to try."""
        return tuple(mirror + self.name for mirror in MIRRORS)


LARGE = Archive("notMNIST_large.tar.gz", 247_336_696)
SMALL = Archive("notMNIST_small.tar.gz", 8_458_043)


@dataclasses.dataclass
class NotMnistConfig(tfds.core.BuilderConfig):
    """Which archive makes which split."""

    archives: dict[str, Archive] = dataclasses.field(default_factory=dict)


class Builder(tfds.core.GeneratorBasedBuilder):
    """notMNIST as `image` (uint8 `[28, 28, 1]`) and `label` (A to J).

    The order of the stored examples depends on their names alone: tfds sorts by a hash
    of the key, so the order inside the archive does not matter.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Optional: put {LARGE.name} and {SMALL.name} here to prepare from them."
    )
    BUILDER_CONFIGS: ClassVar = [
        NotMnistConfig(
            name="full",
            description="The large archive for training, the small one for testing.",
            archives={"train": LARGE, "test": SMALL},
        ),
        NotMnistConfig(
            name="small",
            description="The small archive alone.",
            archives={"train": SMALL},
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=IMAGE_SHAPE, encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(names=CLASS_NAMES),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
            metadata=tfds.core.MetadataDict(unreadable={}),
        )

    def _split_generators(self, dl_manager):
        return {
            split: self._generate_examples(split, locate(dl_manager, archive))
            for split, archive in self.builder_config.archives.items()
        }

    def _generate_examples(self, split, path):
        unreadable, count = [], 0
        for name, png in read_archive(path):
            if is_readable(png):
                count += 1
                yield name, {"image": png, "label": name[0]}
            else:
                unreadable.append(name)
        if not count:
            raise ArchiveError(
                f"{path} holds no readable image named <A to J>/<name>.png: "
                "give the archive as it was published"
            )
        self.info.metadata["unreadable"][split] = sorted(unreadable)


def locate(dl_manager: tfds.download.DownloadManager, archive: Archive) -> Path:
    """The archive's path: in the manual folder if it is there, else downloaded.

    Raises:
        ArchiveError: the downloaded file has not the published size, or no mirror gave
            the file.
    """
    # tfds raises AssertionError where the manual folder is missing or empty.
    with contextlib.suppress(AssertionError):
        manual = dl_manager.manual_dir / archive.name
        if manual.is_file():
            return manual
    failures = []
    for url in archive.urls:
        try:
            path = dl_manager.download(url)
        except (OSError, tfds.download.DownloadError) as error:
            failures.append(f"{url} ({type(error).__name__})")
            continue
        size = path.stat().st_size
        if size != archive.size:
            raise ArchiveError(
                f"{path}, downloaded from {url}, has {size:,} bytes instead of "
                f"{archive.size:,}: remove it and try again"
            )
        return path
    raise ArchiveError(f"no mirror gave {archive.name}: {', '.join(failures)}")


def read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields each image of a .tar.gz as ("<letter>/<name>.png", its bytes).

    Raises:
        ArchiveError: the archive is damaged.
    """
    try:
        with (
            gzip.open(path) as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            while (member := archive.next()) is not None:
                # tarfile remembers every member, which adds up at half a million.
                archive.members.clear()
                path_inside = PurePosixPath(member.name)
                letter = path_inside.parent.name
                is_png = member.isfile() and path_inside.suffix == ".png"
                if is_png and letter in CLASS_NAMES:
                    png = archive.extractfile(member).read()
                    yield f"{letter}/{path_inside.name}", png
            # gzip checks its checksum only when the stream is read to its end, and
            # tarfile takes a broken header in the middle for the end.
            while rest := stream.read(1 << 20):
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("it goes on after its end")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ArchiveError(
            f"{path} is damaged ({error}): get the archive again"
        ) from error


def is_readable(png: bytes) -> bool:
    """Whether the bytes are a PNG of 28x28 pixels."""
    try:
        return tf.io.decode_png(png, channels=1).shape == IMAGE_SHAPE
    except tf.errors.InvalidArgumentError:
        return False
