"""The safe reader of what a run has logged.

`stats.pkl` is a dict of plain values and float64 arrays:

    params       the settings of the experiment
    start_time, end_time      seconds since 1970; end_time is None until the run is done
    models       by name (each member, "ensemble"): train_error, train_cost,
                 train_error_running, train_cost_running, test_error, test_cost
                 (validation_error, validation_cost too where images were set aside;
                 the test set is then measured once, with the weights that are kept:
                 NaN but for their epoch, see `kept_epoch`; so are, where labels are
                 wrong on purpose, noisy_validation_error, noisy_validation_cost)
    totals       train_loss, test_loss and so on for loss (the total cost),
                 collaboration_cost and weight_decay; alpha where it has a schedule,
                 unlabeled_cost where there are images without labels
    learning_rate, seconds    at the start of each epoch; of each epoch. Where each
                 member has an optimizer of its own, learning_rate is among its curves
    evaluation   of a finished run: what `final_record` says of the trained model

with one value an epoch; errors are fractions.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle

from etils import epy

from collaborative.system.errors import UserError

with epy.lazy_imports():
    import numpy as np
    from scipy import special

# When the balanced error tells more: how many times the smallest class is the largest,
# and how seldom images drawn evenly would be as uneven.
UNEQUAL, BY_CHANCE = 1.5, 0.001
LARGEST_PICKLE = 64 * 2**20  # bytes; a run of 1,000 epochs takes less than one MiB


class UnreadablePickle(UserError):
    """A file that is not a pickle of ours: damaged, foreign, or not plain data."""


class _PlainUnpickler(pickle.Unpickler):
    """Admits numpy arrays of plain values and nothing that could run code."""

    _ADMITTED = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")} | {
        (f"{core}.{module}", name)
        for core in ("numpy.core", "numpy._core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    }

    def find_class(self, module, name):
        if (module, name) not in self._ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_pickle(path):
    """Reads a pickle that holds arrays and plain values only.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        UnreadablePickle: for a file that is missing, too large, damaged, or holds
            anything but numpy arrays and plain Python values.
    """
    path = pathlib.Path(os.path.expanduser(path))
    try:
        size = path.stat().st_size
        if path.is_fifo():  # it would be read for ever
            raise UnreadablePickle(f"{path} is a pipe, no file")
        if size > LARGEST_PICKLE:
            raise UnreadablePickle(
                f"{path}: {size} bytes is more than statistics can be "
                f"({LARGEST_PICKLE}); it is not one of our files"
            )
        return _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except UnreadablePickle:
        raise
    except FileNotFoundError as error:
        raise UnreadablePickle(f"there is no {path}") from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise UnreadablePickle(
            f"{path}: not a pickle of plain statistics ({_one_line(error)})"
        ) from error


def read_statistics(path: str | os.PathLike) -> dict:
    """Reads and checks a run's `stats.pkl`.

    Args:
        path: the file.

    Returns:
        The dict that the module's docstring describes.

    Raises:
        UnreadablePickle: as `read_pickle`, or where it is no statistics of a run, or of
            a finished one that lacks a test error.
    """
    statistics = read_pickle(path)
    try:
        whole = _is_whole(statistics)
    except (AttributeError, LookupError, TypeError, ValueError):
        whole = False
    if not whole:
        raise UnreadablePickle(f"{path}: a pickle, but not the statistics of a run")
    if statistics["end_time"] is not None:
        for name, curves in statistics["models"].items():
            if not np.isfinite(curves.get("test_error", ())).any():
                raise UnreadablePickle(
                    f"{path}: a finished run without {name}'s test error"
                )
    return statistics


def _is_whole(statistics):
    """Whether an object is the statistics of a run; may fail as it likes if not."""
    lengths = {
        (array.dtype, array.shape)
        for curves_of_one in [*statistics["models"].values(), statistics["totals"]]
        for array in curves_of_one.values()
    }
    json.dumps(statistics["params"])  # fails for what is no setting
    seconds = np.asarray(statistics.get("seconds", ()))
    are_floats = all(dtype.kind == "f" for dtype, _ in lengths)
    complete = {"params", "start_time", "end_time"} <= statistics.keys()
    has_seconds = seconds.ndim == 1 and seconds.dtype.kind in "fi"
    has_settings = statistics["params"].keys()
    has_curves = are_floats and len(lengths) <= 1
    return complete and has_seconds and has_curves and has_settings


def kept_epoch(curves):
    """The epoch, from 1, whose weights a finished run has kept.

    Args:
        curves: of one of its models: the last test error that was measured counts.
    """
    return int(np.flatnonzero(np.isfinite(curves["test_error"]))[-1]) + 1


def has_unequal_classes(evaluation):
    """Whether the classes of a run's test images are unequal.

    Then the error is mostly that of the large classes, and the mean of the classes'
    errors, the balanced error, says more. The largest class must have more than UNEQUAL
    times the images of the smallest, and not by chance (chi-square test, BY_CHANCE).

    Args:
        evaluation: of the statistics of a finished run. Those of before recorded no
            errors by class, and count as equal.
    """
    scores = next(iter(evaluation["models"].values()))
    if "balanced_error" not in scores:
        return False
    counts = scores["confusion"].sum(axis=1)
    mean = counts.mean()
    chance = special.chdtrc(len(counts) - 1, np.sum((counts - mean) ** 2 / mean))
    return bool(counts.max() > UNEQUAL * counts.min() and chance < BY_CHANCE)


def _one_line(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]
