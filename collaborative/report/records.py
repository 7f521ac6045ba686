"""What finished runs have recorded of their trained models, read and checked.

It is `evaluation` of a run's statistics, see `training.final_record`. Runs from before
that was recorded have none; one that is damaged costs its run a place in some tables
and figures, and nothing else.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd

from collaborative.experiments import reference
from collaborative.runs.reader import UnreadablePickle, read_statistics
from collaborative.system import run_files

UNKNOWN = -1  # the label of an image of which no run has recorded it
_NUMBERS = ("nll", "brier", "ece")


class _LeftOut(Exception):
    """A record that is not read, and why."""


def load(runs, log_dir, say=print):
    """What was recorded of the trained models.

    Args:
        runs: rows of `run_table.load_runs`.
        log_dir: where they were read from.
        say: is called with a line for each record that is damaged and left out.

    Returns:
        Dict from the runs' names to `evaluation` of their statistics, for the runs that
        have one. Those of a data set have the same classes. Labels that a run has not
        recorded are those that others of its data set have of the same images.
    """
    each = runs.drop_duplicates("run")[["run", "dataset", "setting"]]
    given = []
    for run, dataset, setting in each.itertuples(index=False):
        try:
            statistics = read_statistics(
                pathlib.Path(log_dir, run, run_files.STATISTICS)
            )
        except UnreadablePickle:
            continue  # it was there a moment ago; what is not there is left out
        models = () if setting else reference.MODELS
        given.append((run, dataset, models, statistics.get("evaluation")))
    return checked(given, say)


def checked(given, say=print):
    """`load`, of what has been read: tuples (run, data set, models, `evaluation`).

    The models are those that it must have recorded; empty: those that it has.
    """
    found, classes, of_data_set = {}, {}, {}
    for run, dataset, models, record in given:
        try:
            if record is None:
                continue
            _check(record, models)
            names = classes.setdefault(dataset, list(record["class_names"]))
            if list(record["class_names"]) != names:
                raise _LeftOut("other classes than other runs")
        except _LeftOut as reason:
            say(f"left out what {run} recorded of its models: {reason}")
            continue
        found[run] = record
        of_data_set.setdefault(dataset, []).append(run)
    for same in of_data_set.values():
        found |= _with_labels({run: found[run] for run in same})
    return found


def _with_labels(found):
    """The records of a data set, each with the labels that are known of its images."""
    given = [
        pd.Series(np.asarray(record["labels"], np.int32), record["images"])
        for record in found.values()
        if "labels" in record
    ]
    if not given:
        return found
    known = pd.concat(given)
    known = known[~known.index.duplicated()]
    complete = dict(found)
    for run, record in found.items():
        if "labels" not in record:
            labels = known.reindex(record["images"], fill_value=UNKNOWN).to_numpy()
            complete[run] = record | {"labels": labels}
    return complete


def _check(record, models):
    """Raises `_LeftOut` for a record that is damaged.

    Args:
        models: names of those that it must have; empty: of those that it has.
    """
    try:
        _check_content(record, models or record["models"])
    except KeyError as error:
        raise _LeftOut(f"damaged: no {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _LeftOut("damaged: not what a run records") from error


def _check_content(record, models):
    classes, images = len(record["class_names"]), len(record["images"])
    _want(classes > 0, "no class names")
    _want(all(isinstance(n, str) for n in record["class_names"]), "class names")
    _want(np.shape(record["images"]) == (images,), "keys of images")
    if "labels" in record:
        _want_classes(record["labels"], images, classes, "labels")
    for name in models:
        scores, given = record["models"][name], record["answers"][name]
        numbers = [np.asarray(scores[n]) for n in _NUMBERS]
        _want(all(n.ndim == 0 for n in numbers), f"scores of {name}")
        _want(all(n.dtype.kind in "fiu" for n in numbers), f"scores of {name}")
        bins = np.asarray(scores["reliability"], float)
        _want(bins.ndim == 2 and bins.shape[1] == 3, f"reliability of {name}")
        counts = np.asarray(scores["confusion"], float)
        _want(counts.shape == (classes, classes), f"confusion of {name}")
        _want(np.isfinite(counts).all() and counts.min() >= 0, f"confusion of {name}")
        _want_classes(given, images, classes, f"answers of {name}")
        if "detection" in record:
            float(record["detection"][name])
    if "detection" in record:
        _want(isinstance(record["foreign"], str), "the name of the other data set")
    for number in ("disagreement", "gain"):
        float(record[number])


def _want_classes(given, images, classes, what):
    given = np.asarray(given)
    _want(given.shape == (images,), what)
    outside = (given < 0) | (given >= classes) if given.dtype.kind in "iu" else True
    _want(not np.any(outside), what)


def _want(right, what):
    if not right:
        raise _LeftOut(f"damaged: {what}")
