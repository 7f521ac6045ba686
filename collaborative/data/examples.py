"""What networks learn from: images with labels, a data set, the inputs of a step.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True)
class Examples:
    """images: uint8 `[n, height, width, channels]`; labels: int64 `[n]`."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, split. `validation` may be empty; `notes` are for people to read.

    `unlabeled` are images to learn from without labels, uint8 like the others; `NOISE`
    for uniform noise, drawn anew at each step; or None.
    """

    name: str
    class_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples
    notes: tuple[str, ...] = ()
    unlabeled: np.ndarray | str | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.train.images.shape[1:]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


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
