"""How good predictions are beyond the error rate: calibration, agreement, robustness.

Goes beyond the paper. Everything is computed from logits and labels; what is known to
scikit-learn and scipy is left to them.
"""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from scipy import special
from sklearn import metrics

BINS = 15  # of the calibration error (Guo et al. 2017)


def evaluate(logits, labels):
    """Scores of several predictors on the same images.

    Args:
        logits: dict from name to `[n, classes]`: members, then "ensemble" if any.
        labels: integers `[n]`.

    Returns:
        Dict of plain values and arrays: `models`, by name what `scores` gives;
        `disagreement`, the fraction of images that two members classify differently,
        a mean over their pairs; `gain`, the mean error of the members less the
        ensemble's. The last two are NaN for a single member.
    """
    models = {name: scores(values, labels) for name, values in logits.items()}
    members = [name for name in logits if name != "ensemble"]
    answers = [logits[name].argmax(axis=1) for name in members]
    pairs = [np.mean(a != b) for a, b in itertools.combinations(answers, 2)]
    errors = [models[name]["error"] for name in members]
    ensemble = models.get("ensemble", {}).get("error", np.nan)
    return {
        "models": models,
        "disagreement": float(np.mean(pairs)) if pairs else float("nan"),
        "gain": float(np.mean(errors) - ensemble),
    }


def scores(logits, labels):
    """Scores of one predictor.

    Args:
        logits: `[n, classes]`.
        labels: integers `[n]`.

    Returns:
        Dict of `error` (a fraction); `class_errors`, the same of the images of each
        class, `[classes]`, NaN where there are none, and `balanced_error`, the mean of
        those; `nll`, the mean negative log-likelihood in nats;
        `brier`, the mean squared distance of the probabilities from the label's (0 to
        2); `ece`, the expected calibration error (0 to 1); `reliability`, see there;
        and `confusion`, counts `[classes, classes]` by true and predicted class.
    """
    logits = np.asarray(logits, np.float64)
    classes = np.arange(logits.shape[1])
    probabilities = special.softmax(logits, axis=1)
    bins = reliability(probabilities, labels)
    distance = probabilities - (np.asarray(labels)[:, None] == classes)
    answers = logits.argmax(axis=1)
    log_likelihood = np.take_along_axis(
        special.log_softmax(logits, axis=1), np.asarray(labels)[:, None], axis=1
    )
    confusion = metrics.confusion_matrix(labels, answers, labels=classes)
    with np.errstate(invalid="ignore"):  # classes without images
        class_errors = 1 - np.diag(confusion) / confusion.sum(axis=1)
    return {
        "error": float(np.mean(answers != labels)),
        "class_errors": class_errors,
        "balanced_error": float(np.nanmean(class_errors)),
        "nll": float(-log_likelihood.mean()),
        "brier": float(np.mean(np.sum(distance**2, axis=1))),
        "ece": calibration_error(bins),
        "reliability": bins,
        "confusion": confusion,
    }


def reliability(probabilities, labels):
    """The reliability diagram: images sorted into BINS by their confidence.

    Args:
        probabilities: `[n, classes]`; the confidence of an image is the largest.
        labels: integers `[n]`.

    Returns:
        Array `[BINS, 3]`: of each bin how many images it has, their mean confidence,
        and the fraction of them that is classified rightly (0 and 0 where it has none).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    # Bins are open below and closed above, as is usual.
    index = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(index, minlength=BINS)
    sums = [np.bincount(index, weights=w, minlength=BINS) for w in (confidence, right)]
    means = [total / np.maximum(count, 1) for total in sums]
    return np.stack([count, *means], axis=1)


def calibration_error(bins):
    """The expected calibration error of a reliability diagram: a fraction."""
    count, confidence, accuracy = bins.T
    return float(np.sum(count * abs(confidence - accuracy)) / count.sum())


def image_keys(images):
    """Keys by which an image is known again in another split: uint32 `[n]`."""
    return np.array([zlib.crc32(image.tobytes()) for image in images], np.uint32)


def detection_auroc(logits, other_logits):
    """How well the largest probability tells known images from foreign ones.

    Args:
        logits: `[n, classes]` of test images of the data set that was learnt.
        other_logits: `[m, classes]` of images of another one.

    Returns:
        The area under the ROC curve: 1 where each known image has a larger probability
        than each foreign one, 0.5 for chance (Hendrycks and Gimpel 2017).
    """
    confidence = [
        special.softmax(np.asarray(g, np.float64), axis=1).max(axis=1)
        for g in (logits, other_logits)
    ]
    known = np.repeat([1, 0], [len(c) for c in confidence])
    return float(metrics.roc_auc_score(known, np.concatenate(confidence)))
