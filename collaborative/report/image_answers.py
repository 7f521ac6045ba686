"""What a trained model answered, image by image, and how two of them differ.

The intervals are McNemar's, over test images (docs/statistics.md).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
from scipy import stats

from collaborative.report.layout import CONFIDENCE
from collaborative.report.records import UNKNOWN


@dataclasses.dataclass(frozen=True, eq=False)
class ImageAnswers:
    """A model's answers to its test images."""

    table: pd.DataFrame
    """By the key of an image `given`, the class that the model gave, and `label`, the
    true one, `UNKNOWN` where it is not."""
    cost: float
    """The mean negative log-likelihood in nats: it tells networks apart that answer
    alike."""

    @classmethod
    def recorded(cls, record, model):
        """What a model of a record (`records.load`) answered.

        Of images that are equal, and have one key, the last counts.
        """
        columns = {"given": record["answers"][model]}
        columns["label"] = np.asarray(record.get("labels", UNKNOWN), np.int32)
        table = pd.DataFrame(columns, record["images"])
        if not table.index.is_unique:
            table = table[~table.index.duplicated(keep="last")]
        return cls(table, float(record["models"][model]["nll"]))

    @property
    def images(self):
        """The keys of the images: an Index."""
        return self.table.index

    def has_images_of(self, other):
        """Whether both are answers to the same images, in whatever order."""
        return (
            self.images.equals(other.images)
            or self.images.symmetric_difference(other.images).empty
        )

    def is_of_network(self, other):
        """Whether both are the same network's: images, answers and costs are equal."""
        return (
            math.isclose(self.cost, other.cost, rel_tol=1e-6)
            and self.has_images_of(other)
            and not churn(self, other)
        )


def churn(one, other):
    """Fraction of images whose class differs between two `ImageAnswers`.

    Images that only one of them has do not count; NaN where they have none in common.
    """
    given, others = _common(one, other)
    return float(np.mean(_changed(given, others))) if len(given) else math.nan


def mcnemar_half_width(one, other, compared=1):
    """What test images leave open of a difference of two models' errors.

    Half the width of the 95 % interval over images, in points. As in McNemar's test the
    images count that just one of the two gets right. Where an image's label is unknown,
    it counts where they classify it differently, so that the width is the most that it
    can be. One image counts at least: that none was seen is not that there is none.

    Args:
        one, other: `ImageAnswers`; images that only one of them has do not count.
        compared: of how many comparisons this is one; they hold together in 95 % of
            cases (Bonferroni).

    Returns:
        NaN where they have no image in common.
    """
    given, others = _common(one, other)
    images = len(given)
    if not images:
        return math.nan
    both_wrong = _wrong(given) & _wrong(others)
    apart = max(1, np.count_nonzero(_changed(given, others) & ~both_wrong))
    quantile = stats.norm.ppf(1 - (1 - CONFIDENCE) / compared / 2)
    return 100 * quantile * math.sqrt(apart) / images


def _common(one, other):
    """The tables of two `ImageAnswers`, of the images of both, in one order."""
    if one.images.equals(other.images):
        return one.table, other.table
    common = one.images.intersection(other.images)
    return one.table.loc[common], other.table.loc[common]


def _changed(table, other):
    """For each image whether two models classify it differently: bool `[n]`."""
    return table["given"].to_numpy() != other["given"].to_numpy()


def _wrong(table):
    """For each image whether its answer is known to be wrong: bool `[n]`."""
    given, labels = table["given"].to_numpy(), table["label"].to_numpy()
    return (labels != UNKNOWN) & (given != labels)
