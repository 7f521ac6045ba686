"""The data sets: loading and splitting (the paper's sections 3.1 and 4.1).

Images stay uint8: the networks begin with a batch normalization, so that nothing is
scaled here. All samples are shuffled once, ahead of time. `pooled` is the paper's split
of MNIST and CIFAR10: training and test images are shuffled together, and 10,000 of them
are for testing. `official` is the published split, as the paper has it for notMNIST.

Where this deviates: the paper reshuffled nothing after that, `batches` shuffles anew
every epoch. `digits` (scikit-learn's) and `notmnist_small` are not in the paper,
nor are the other tfds sets, which are taken by their names, and sets of one's own:
`folder:DIR`, pictures in a folder for each class, and `npz:FILE` (`own_sets`).

`preparation` finds and gets the prepared sets, `stored` reads them. Importing this
module imports neither TensorFlow nor tfds.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
from etils import epy

from collaborative.data import (
    decoded,
    own_names,
    own_sets,
    preparation,
    resizing,
    stored,
)
from collaborative.data.errors import DatasetChoiceError
from collaborative.data.errors import DatasetError as DatasetError
from collaborative.data.errors import NotPrepared as NotPrepared
from collaborative.data.examples import Dataset, Examples

with epy.lazy_imports():
    from PIL import Image
    from sklearn import datasets as sklearn_datasets

SPLITS = ("pooled", "official")
NOISE = "noise"
_TEST_IMAGES = 10_000  # for testing in a pooled split, or a fifth where this is less


@dataclass(frozen=True)
class DatasetSpec:
    """All that the project knows of a data set; the defaults are for any other of tfds.

    Further facts derive from `place`: the numbers of the paper's figures.
    """

    paper_name: str | None = None  # its name in the paper's tables, if it is there
    place: int | None = None  # in the order of the paper's tables and figures, from 1
    stands_for: str | None = None  # set of the paper that it stands in for
    label: str | None = None  # for headings; None: the paper's name, or its own
    splits: tuple[str, ...] = ("official", "pooled")  # allowed ones, the default first
    # Most images of a class for training and for testing in the official split.
    per_class: tuple[int, int] | None = None
    config: str | None = None  # of our own builder; None: of scikit-learn or tfds
    epochs: int = 30  # section 5.2
    flips: bool = False  # whether an image flipped from left to right is of its class
    ood: str | None = None  # set of other classes with images of the same kind
    # Of {ST, M} on one core of an AMD EPYC at float32 (2026-11-24), for estimates where
    # nothing has been logged yet.
    epoch_seconds: float | None = None


DATASETS = {
    "digits": DatasetSpec(splits=("pooled",), epoch_seconds=1.2),
    "mnist": DatasetSpec(
        "MNIST", 1, splits=SPLITS, ood="notmnist_small", epoch_seconds=143
    ),
    "cifar10": DatasetSpec("CIFAR10", 3, splits=SPLITS, flips=True, epoch_seconds=140),
    "cifar100": DatasetSpec(label="CIFAR-100", flips=True),
    "notmnist": DatasetSpec(
        "notMNIST",
        2,
        per_class=(50_000, 1_000),
        config="full",
        epochs=15,
        ood="mnist",
        epoch_seconds=1_150,
    ),
    "notmnist_small": DatasetSpec(
        stands_for="notmnist",
        label="notMNIST (small archive only, not the paper's training set)",
        splits=("pooled",),
        config="small",
        epochs=15,
        ood="mnist",
        epoch_seconds=21,
    ),
}


def spec(name: str) -> DatasetSpec:
    """What is known of a data set: one of `DATASETS`, any other of tfds, one's own."""
    if own_names.kind(name):
        return DatasetSpec(label=own_names.short_name(name))
    return DATASETS.get(name, DatasetSpec())


def load(
    name: str,
    split: str | None = None,
    *,
    seed: int = 912,
    validation: int = 0,
    truncate: int = 0,
    image_size: tuple[int, int] | None = None,
    color_mode: str | None = None,
    stream: bool | None = None,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> Dataset:
    """Loads a data set, shuffled once with the seed, and splits it.

    Args:
        name: one of `DATASETS`, an image classification set of tfds, `folder:DIR`, or
            `npz:FILE` (or a path that ends in .npz).
        split: "pooled" or "official"; None is the set's default. Of one's own set
            without test pictures, both set some of each class aside.
        seed: of the shuffle. Training and test images are shuffled each with this seed,
            or together if pooled.
        validation: so many training images, the last ones, are set aside.
        truncate: keep only the first so many training and test images; 0 keeps all.
        image_size: (height, width) that all images are stretched to (`resizing`); None
            leaves them as they are, and then they must be of one size; in a folder it
            is the commonest, made divisible by 4.
        color_mode: of a folder, "grayscale" or "rgb"; None: as the pictures are.
        stream: whether images are read from the disk when they are needed (`decoded`),
            in place of all at once; None: where the memory does not suffice. The
            examples and their order are the same.
        data_dir: of prepared sets; None is tfds's own default.
        manual_dir: of archives that were got by hand; None is `downloads/manual` in
            data_dir.
        download: get the set if it is missing.

    Raises:
        DatasetError: there is no such set or split, it is missing, damaged or cannot be
            got, it is not for image classification, or the sizes do not fit; or it is
            larger than the memory, and the disk has no room for it either.
    """
    try:
        name = own_names.canonical(name)
    except ValueError as error:
        raise DatasetChoiceError(str(error)) from error
    split = _checked_split(name, split)
    if seed < 0:
        raise DatasetChoiceError(f"the seed must be 0 or more, not {seed}")
    if own_names.kind(name):
        own = own_sets.read(
            name, split, seed, _TEST_IMAGES, size=image_size, color_mode=color_mode,
            stream=stream, data_dir=data_dir,
        )  # fmt: skip
        return _of_ones_own(name, own, validation, truncate)
    if name == "digits":
        found = _read_digits(seed, image_size)
    else:
        places = (data_dir, manual_dir, download)
        found = _read_prepared(name, split, seed, image_size, stream, *places)
    class_names, notes, train, test = found
    train, test = _truncated(train, test, truncate)
    train, validation = _set_aside(train, validation)
    return Dataset(name, class_names, train, validation, test, notes)


def with_label_noise(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """The data set with so many of its training labels replaced by wrong ones.

    Symmetric noise: which images, and which of the other classes each gets, is drawn
    uniformly. Validation and test labels stay as they are; `noisy_validation` are the
    validation images with as many wrong ones.

    Args:
        dataset: is not changed.
        fraction: of the training labels, 0 to 1.
        seed: of the choice.
    """

    def noisy(examples, rng):
        count = len(examples)
        chosen = rng.permutation(count)[: round(fraction * count)]
        labels = examples.labels.copy()
        shift = rng.integers(1, dataset.num_classes, len(chosen))
        labels[chosen] = (labels[chosen] + shift) % dataset.num_classes
        return Examples(examples.images, labels)

    return replace(
        dataset,
        train=noisy(dataset.train, np.random.default_rng(seed)),
        noisy_validation=noisy(dataset.validation, np.random.default_rng([seed, 1])),
    )


def with_few_labels(dataset: Dataset, labeled: float, holdout: float) -> Dataset:
    """The data set with labels for a part of its training images only.

    Args:
        dataset: is not changed.
        labeled: fraction of the training images to keep with their labels; at most what
            `holdout` leaves.
        holdout: fraction of them, the last ones, to keep as `unlabeled`.

    Raises:
        DatasetChoiceError: where no image would be left in one of the parts.
    """
    count = len(dataset.train)
    apart = round(holdout * count)
    kept = min(round(labeled * count), count - apart)
    if kept < 1 or (holdout and apart < 1):
        raise DatasetChoiceError(
            f"of the {count:,} training images of {dataset.name}, labeled {labeled} "
            f"and holdout {holdout} leave {kept:,} with and {apart:,} without labels: "
            "take larger parts"
        )
    unlabeled = dataset.train.part(slice(count - apart, count)).images
    return replace(
        dataset,
        train=dataset.train.part(slice(kept)),
        unlabeled=unlabeled if apart else None,
    )


def with_unlabeled(dataset: Dataset, name: str, seed: int, **places) -> Dataset:
    """The data set with the training images of another one as its `unlabeled`.

    They are stretched, and made grey or colour, as the images of `dataset` are.

    Args:
        dataset: is not changed.
        name, seed, **places: of the other one, as in `load`.

    Raises:
        DatasetError: as `load`, or where it is made grey or colour, and is larger than
            the memory.
    """
    *size, channels = dataset.input_shape
    other = load(name, seed=seed, image_size=tuple(size), **places)
    images = other.train.images
    if images.shape[3] != channels:
        if not other.train.in_memory:
            raise DatasetError(
                f"unlabeled images must have {channels} channels where they are read "
                f"from the disk, got {images.shape[3]} in {name}: make them so before"
            )
        rows = np.reshape(images, (-1, size[1], images.shape[3]))  # one tall picture
        tall = Image.fromarray(rows.squeeze(2) if channels == 3 else rows)
        tall = np.asarray(tall.convert("RGB" if channels == 3 else "L"))
        images = tall.reshape(-1, *dataset.input_shape)
    fingerprint = dict(dataset.fingerprint)
    if "dataset" in other.fingerprint:
        fingerprint["unlabeled"] = other.fingerprint["dataset"]
    return replace(dataset, unlabeled=images, fingerprint=fingerprint)


def with_unlabeled_pictures(dataset: Dataset, name: str, **places) -> Dataset:
    """The data set with the pictures of a folder as its `unlabeled`.

    Args:
        dataset: is not changed.
        name: `folder:DIR`; all pictures at any depth are taken, of whatever class.
        **places: `data_dir` and `stream`, as in `load`.
    """
    shape = dataset.input_shape
    images, mark = own_sets.read_unlabeled(name, shape, **places)
    fingerprint = dataset.fingerprint | {"unlabeled": mark}
    return replace(dataset, unlabeled=images, fingerprint=fingerprint)


def _of_ones_own(name, own, validation, truncate):
    """The `Dataset` of an `own_sets.OwnSet`."""
    train, test = _truncated(own.train, own.test, truncate)
    if own.validation is None:
        train, aside = _set_aside(train, validation)
    elif validation:
        raise DatasetChoiceError(
            f"{own_names.title(name)} has {len(own.validation):,} validation images of "
            "its own: leave --validation out"
        )
    else:
        aside = own.validation.part(slice(truncate or None))
    title, mark = own_names.title(name), {"dataset": own.fingerprint}
    return Dataset(
        title, own.class_names, train, aside, test, own.notes, fingerprint=mark
    )


def _checked_split(name, split):
    allowed = spec(name).splits
    if split is None:
        return allowed[0]
    if split not in allowed:
        raise DatasetChoiceError(
            f"{name} has no split {split!r}: use {' or '.join(map(repr, allowed))}"
        )
    return split


def _read_digits(seed, size):
    """As `_read_prepared`: scikit-learn's 1,797 digits, levels 0..16 made 0..255."""
    digits = sklearn_datasets.load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images = np.rint(digits.images[order, :, :, None] * (255 / 16)).astype(np.uint8)
    if size:
        images = np.stack([resizing.resized(image, size) for image in images])
    examples = Examples(images, digits.target[order].astype(np.int64))
    return tuple("0123456789"), (), *_pooled(examples)


def _read_prepared(name, split, seed, size, stream, *places):
    """(class names, notes, training and test examples) of a set of tfds or our own."""
    config = spec(name).config
    builder = preparation.prepared_builder(
        name, config, tuple(DATASETS), *places, resize=size is not None
    )
    has_test = split == "official" or "test" in builder.info.splits
    wanted = ("train", "test") if has_test else ("train",)
    stored.check_splits(name, builder, wanted)
    notes = preparation.notes(builder)
    if stream is None:
        stream = not stored.fits_in_memory(builder, wanted, size)
    if stream:
        notes = (*notes, "its images are read from the disk, as they are needed")

    def read(*splits):
        found = decoded.read_shuffled(name, builder, splits, seed, size, stream)
        return Examples(*found)

    return (
        tuple(builder.info.features["label"].names),
        notes,
        *_train_and_test(name, split, wanted, read),
    )


def _train_and_test(name, split, wanted, read):
    if split == "pooled":
        return _pooled(read(*wanted))
    train, test = read("train"), read("test")
    per_class = spec(name).per_class
    if per_class is not None:
        train, test = _capped(train, per_class[0]), _capped(test, per_class[1])
    return train, test


def _pooled(examples):
    count = len(examples)
    num_train = count - min(_TEST_IMAGES, count // 5)
    return examples.part(slice(num_train)), examples.part(slice(num_train, count))


def _capped(examples, per_class):
    """The first per_class images of each class, in the order they are in."""
    images, labels = examples.images, examples.labels
    of_classes = [np.flatnonzero(labels == c)[:per_class] for c in np.unique(labels)]
    kept = np.sort(np.concatenate(of_classes))
    if not examples.in_memory:
        return examples.part(kept)
    # In place: images only move towards the front, and a second array of half a million
    # of them would take another 400 MB.
    for start in range(0, len(kept), 4096):
        block = kept[start : start + 4096]
        images[start : start + len(block)] = images[block]
    return Examples(images[: len(kept)], labels[kept])


def _truncated(train, test, truncate):
    if not 0 <= truncate <= len(train):
        raise DatasetChoiceError(
            f"truncate must be from 0 (keep all) to the {len(train):,} training "
            f"images, not {truncate:,}"
        )
    if truncate == 0:
        return train, test
    return train.part(slice(truncate)), test.part(slice(truncate))


def _set_aside(train, validation):
    num_train = len(train) - validation
    if validation < 0 or num_train < 1:
        raise DatasetChoiceError(
            f"validation must be from 0 to {len(train) - 1:,}, so that some of the "
            f"{len(train):,} training images are left, not {validation:,}"
        )
    return train.part(slice(num_train)), train.part(slice(num_train, len(train)))
