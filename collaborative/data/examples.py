"""What networks learn from: images with labels, a data set, the inputs of a step.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from collaborative.data.errors import DatasetError

# Of the images in memory while they are trained on: the array and a tensor made of it.
COPIES = 2


@dataclasses.dataclass(frozen=True)
class Examples:
    """images: uint8 `[n, height, width, channels]`; labels: int64 `[n]`.

    Images that lie on the disk are a `decoded_images.DecodedImages`.
    """

    images: Any
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_memory(self) -> bool:
        """Whether the images lie in memory, and not on the disk."""
        return isinstance(self.images, np.ndarray)

    def part(self, key) -> Examples:
        """Those at a slice or an array of indices; what is on the disk stays there."""
        images = self.images[key] if self.in_memory else self.images.part(key)
        return Examples(images, self.labels[key])


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, split. `validation` may be empty; `notes` are for people to read.

    `unlabeled` are images to learn from without labels, uint8 like the others; `NOISE`
    for uniform noise, drawn anew at each step; or None. `fingerprint` tells data of
    one's own from other data: by the setting that names it a dict of `files`, `bytes`
    and `sha256`. `noisy_validation` are the validation images with labels that are
    wrong on purpose, as those of `train` then are; or None.
    """

    name: str
    class_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples
    notes: tuple[str, ...] = ()
    unlabeled: np.ndarray | str | None = None
    fingerprint: dict = dataclasses.field(default_factory=dict)
    noisy_validation: Examples | None = None

    def __post_init__(self):
        for part in ("train", "validation", "test"):
            examples = getattr(self, part)
            name = f"{self.name} ({part})"
            if len(examples.images) != len(examples.labels):
                raise DatasetError(
                    f"{name} has {len(examples.images):,} images and "
                    f"{len(examples.labels):,} labels: give a label for each image"
                )
            if len(examples):
                check_labels(name, examples.labels, self.num_classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.train.images.shape[1:]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


def check_labels(name: str, labels: np.ndarray, num_classes: int) -> None:
    """Refuses labels that a network of so many classes cannot learn.

    Raises:
        DatasetError: they are no integers, or not all from 0 to num_classes - 1; or
            there are none.
    """
    labels = np.asarray(labels)
    if not len(labels):
        raise DatasetError(f"{name} holds no images: use another split or data set")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DatasetError(
            f"{name} has labels {labels.dtype} {list(labels.shape)}, wanted is one "
            "integer for each image: convert them"
        )
    low, high = labels.min(), labels.max()
    if low < 0 or high >= num_classes:
        raise DatasetError(
            f"{name} has labels from {low} to {high}, wanted are 0 to "
            f"{num_classes - 1}: use another split or data set"
        )


def balanced_weights(labels: np.ndarray, num_classes: int) -> tuple[float, ...]:
    """Weights of the classes, inversely proportional to how many images they have.

    As scikit-learn's `compute_class_weight("balanced")`: n / (classes * images of it),
    so that the mean over the images is 1. A class without images has weight 0.

    Args:
        labels: integers `[n]`, of the training images.
        num_classes: how many weights are wanted.
    """
    counts = np.bincount(labels, minlength=num_classes)
    there = np.count_nonzero(counts)
    weights = len(labels) / (there * np.maximum(counts, 1))
    return tuple(np.where(counts, weights, 0.0).tolist())


class Inputs(NamedTuple):
    """What a training step may take in place of bare images.

    images: as the members take them; unlabeled: further ones without labels, `[m, ...]`
    with any m; teacher: logits of a teacher for the images, `[batch, classes]`.
    """

    images: Any
    unlabeled: Any = ()
    teacher: Any = ()

    @classmethod
    def of(cls, x):
        """`x` itself, or bare images made into `Inputs`."""
        return x if isinstance(x, cls) else cls(x)
