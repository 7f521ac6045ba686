"""Reading the stored examples of a prepared set of tfds, whatever its file format.

The order is the stored one, and the pixels are those that TensorFlow decodes: a set has
the same images in each format. Importing this module imports neither TensorFlow nor
tfds.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterator

import numpy as np
from etils import epy

from collaborative.data import resizing
from collaborative.data.errors import DatasetError, damaged
from collaborative.data.examples import COPIES, check_labels
from collaborative.system import limits
from collaborative.system.errors import reason_of

with epy.lazy_imports():
    import tensorflow as tf
    import tensorflow_datasets as tfds

_READ_BATCH, _READ_BYTES = 1024, 2**26  # images at a time, and their pixels
# What each format needs besides TensorFlow.
_PACKAGES = {"array_record": "array_record", "parquet": "pyarrow", "riegeli": "riegeli"}


def check_splits(
    name: str, builder: tfds.core.DatasetBuilder, wanted: tuple[str, ...]
) -> None:
    """Raises DatasetError if a prepared set lacks one of the wanted splits."""
    lacking = [split for split in wanted if split not in builder.info.splits]
    if lacking:
        raise DatasetError(
            f"{name} lacks the split {' and '.join(lacking)}, it has "
            f"{', '.join(builder.info.splits) or 'none'}: {_remedy(builder, lacking)}"
        )


def _remedy(builder, lacking):
    if lacking == ["test"] and "train" in builder.info.splits:
        return "add --split pooled, which sets some of its images aside for testing"
    return "use another split or data set"


def image_shape(
    builder: tfds.core.DatasetBuilder, size: tuple[int, int] | None
) -> tuple[int, int, int]:
    """(height, width, channels) of a set's images, stretched to a size where given."""
    shape = builder.info.features["image"].shape
    return (*size, shape[-1]) if size else shape


def fits_in_memory(
    builder: tfds.core.DatasetBuilder,
    splits: tuple[str, ...],
    size: tuple[int, int] | None = None,
) -> bool:
    """Whether the images of splits can be decoded into memory, and be trained on."""
    count = sum(builder.info.splits[split].num_examples for split in splits)
    needed = COPIES * count * math.prod(image_shape(builder, size))
    return needed <= limits.free_memory()


def read_shuffled(
    name: str,
    builder: tfds.core.DatasetBuilder,
    splits: tuple[str, ...],
    seed: int,
    size: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads splits of a prepared set, pooled and shuffled with the seed.

    Every example is read straight to its place, so that there is one copy of them.

    Args:
        name: what a person calls the set.
        builder: of tfds, prepared.
        splits: which of them.
        seed: of the shuffle.
        size: (height, width) to stretch the images to; None leaves them as they are.

    Returns:
        (images uint8 `[n, height, width, channels]`, labels int64 `[n]`).

    Raises:
        DatasetError: the files are damaged or not what `dataset_info.json` says, they
            are in a format that cannot be read here, labels are not those of the
            classes, or the memory does not suffice.
    """
    images = room_for(name, builder, splits, size)
    labels = np.empty(len(images), np.int64)
    places = np.argsort(np.random.default_rng(seed).permutation(len(images)))
    done = 0
    for some_images, some_labels in batches(builder, splits, size):
        where = places[done : done + len(some_labels)]
        done += len(some_labels)
        images[where], labels[where] = some_images, some_labels
    check_labels(name, labels, builder.info.features["label"].num_classes)
    return images, labels


def room_for(
    name: str,
    builder: tfds.core.DatasetBuilder,
    splits: tuple[str, ...],
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """An array for the images of splits, uint8 `[n, height, width, channels]`.

    Raises:
        DatasetError: the memory does not suffice.
    """
    count = sum(builder.info.splits[split].num_examples for split in splits)
    shape = image_shape(builder, size)
    try:
        return np.empty((count, *shape), np.uint8)
    # ValueError: more than an array can have.
    except (MemoryError, ValueError) as error:
        raise DatasetError(
            f"{name} has {count:,} images of {resizing.shown(shape)}, as "
            f"{builder.data_dir} says, more than the memory holds: use another data set"
        ) from error


def batches(
    builder: tfds.core.DatasetBuilder,
    splits: tuple[str, ...],
    size: tuple[int, int] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (images, labels) of splits in the order they are stored, some at a time.

    Args:
        builder, splits, size: as for `read_shuffled`.

    Raises:
        DatasetError: the files are damaged, not what `dataset_info.json` says, or in a
            format that cannot be read here.
    """
    count = sum(builder.info.splits[split].num_examples for split in splits)
    shape, done = image_shape(builder, size), 0
    for images, labels in _stored_batches(builder, splits, size):
        if images.shape[1:] != shape:
            reason = f"images are {images.shape[1:]}, not {shape}"
            raise damaged(builder.data_dir, reason)
        done += len(labels)
        if done <= count:
            yield images, labels
    if done != count:
        reason = f"it holds {done:,} examples, its dataset_info.json says {count:,}"
        raise damaged(builder.data_dir, reason)


def first_examples(
    builder: tfds.core.DatasetBuilder, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first training examples as they are stored, without reading the others.

    Returns:
        (images uint8 `[n, height, width, channels]`, labels int64 `[n]`), n at most
        `count`.

    Raises:
        DatasetError: as `read_shuffled`.
    """
    check_splits(builder.name, builder, ("train",))
    count = min(count, builder.info.splits["train"].num_examples)
    batches = list(_stored_batches(builder, (f"train[:{count}]",)))
    if not batches:
        raise damaged(builder.data_dir, "it holds no training image")
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _stored_batches(builder, splits, size=None):
    """Yields (images, labels) of the splits in the order they are stored."""
    pixels = math.prod(image_shape(builder, size))
    batch_size = max(1, min(_READ_BATCH, _READ_BYTES // pixels))
    stored_as = getattr(builder.info.file_format, "value", "tfrecord")
    lacking = _PACKAGES.get(stored_as)
    try:
        if lacking and importlib.util.find_spec(lacking) is None:
            raise ImportError(f"it needs the package {lacking}")
        for split in splits:
            examples = _examples(builder, split, stored_as)
            pairs = examples.map(lambda example: (example["image"], example["label"]))
            if size is None:
                yield from pairs.batch(batch_size).as_numpy_iterator()
            else:
                yield from _resized(pairs.as_numpy_iterator(), size, batch_size)
    except ImportError as error:
        raise DatasetError(
            f"{builder.data_dir} is stored as {stored_as}, which cannot be read here "
            f"({reason_of(error)}): install that, or prepare the set as tfrecord in "
            "another --data_dir"
        ) from error
    # TensorFlow, ArrayRecord and Arrow each have exceptions of their own for files that
    # are missing, cut short, not theirs or not to be read.
    except Exception as error:
        reason = f"{stored_as}, {split}: {reason_of(error)}"
        raise damaged(builder.data_dir, reason) from error


def _resized(pairs, size, batch_size):
    """Yields (images, labels) in batches, from pairs of pictures of any size."""
    alike = ((resizing.resized(image, size), label) for image, label in pairs)
    while batch := list(itertools.islice(alike, batch_size)):
        images, labels = zip(*batch, strict=True)
        yield np.stack(images), np.stack(labels)


def _examples(builder, split, stored_as):
    """A `tf.data.Dataset` of a split's examples, decoded."""
    if stored_as != "array_record":
        # One file after the other, so that the order is the same on every machine.
        config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        return builder.as_dataset(split=split, read_config=config)
    # tfds makes no tf.data of ArrayRecord; it reads the records one by one.
    records = builder.as_data_source(
        split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )

    def batches():
        for start in range(0, len(records), _READ_BATCH):
            stop = min(start + _READ_BATCH, len(records))
            yield np.array(records.__getitems__(range(start, stop)), object)

    spec = tf.TensorSpec([None], tf.string)
    serialized = tf.data.Dataset.from_generator(batches, output_signature=spec)
    return serialized.unbatch().map(builder.info.features.deserialize_example)
