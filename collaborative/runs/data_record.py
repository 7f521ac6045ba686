"""What a run records of its data, and whether data is still what it was.

In `config.json`: `data`, how many images each part has; `class_names`; and
`fingerprint`, by the setting that names it what tells data of one's own from other data
(`datasets.Dataset`), and under `labels` a hash of all labels in their order, so that a
set that was prepared anew, or split in another way, is told from what it was.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np

from collaborative.data import own_names, own_sets
from collaborative.data.errors import DatasetError

PARTS = ("train", "validation", "test")


def describe(dataset):
    """The entries of `config.json` that say what a `datasets.Dataset` is."""
    labels = hashlib.sha256()
    for part in PARTS:
        labels.update(np.asarray(getattr(dataset, part).labels, "<i8").tobytes())
    return {
        "data": {part: len(getattr(dataset, part)) for part in PARTS},
        "class_names": list(dataset.class_names),
        "fingerprint": dataset.fingerprint | {"labels": labels.hexdigest()},
    }


def check(record):
    """Raises ValueError where an entry is no such thing as `describe` gives."""
    counts = record.get("data", {})
    if not isinstance(counts, dict) or not all(
        isinstance(n, int) for n in counts.values()
    ):
        raise ValueError(f"its data are {counts!r:.40}")
    names = record.get("class_names", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"its class_names are {names!r:.40}")
    marks = record.get("fingerprint", {})
    if not isinstance(marks, dict) or not all(
        isinstance(mark, str) if name == "labels" else _is_of_files(mark)
        for name, mark in marks.items()
    ):
        raise ValueError(f"its fingerprint is {marks!r:.40}")


def _is_of_files(mark):
    numbers = isinstance(mark, dict) and [mark.get("files"), mark.get("bytes")]
    return bool(numbers) and all(isinstance(number, int) for number in numbers)


def differences(record, dataset):
    """How data differs from what a run had, in words; "" where it does not.

    Args:
        record: of the run, what `describe` gave then. What it lacks, since the run is
            of before, is not compared.
        dataset: a `datasets.Dataset`.
    """
    return between(record, describe(dataset))


def between(record, now):
    """How what one record says of its data differs from another's, in words."""
    said = []
    had, has = (
        ", ".join(f"{n:,} {part}" for part, n in found["data"].items() if n)
        for found in (record, now)
    )
    if had != has:
        said.append(f"it had {had} images, here are {has}")
    if record["class_names"] != now["class_names"]:
        said.append(_of_classes(record["class_names"], now["class_names"]))
    had, has = (found.get("fingerprint", {}) for found in (record, now))
    for setting, mark in has.items():
        if setting != "labels":
            files = "unlabeled files" if setting == "unlabeled" else "files"
            said += _of_files(had.get(setting), mark, files)
    labels = {marks["labels"] for marks in (had, has) if "labels" in marks}
    if len(labels) > 1 and not said:
        said.append("its images are others, or in another order")
    return "; ".join(said)


def compared_unlike(runs):
    """Which runs had other data than one that they are compared with.

    Args:
        runs: of each its name, its `ExperimentConfig` and its record. Where the
            settings of the data are the same, data should be; with another seed
            labels may come in another order.

    Yields:
        A line for each that had other data than the first.
    """
    first = {}
    for name, config, record in runs:
        if not {"data", "class_names"} <= record.keys():
            continue
        marks = record.get("fingerprint", {})
        files = {mark: marks[mark] for mark in marks if mark != "labels"}
        of_any_seed = dataclasses.replace(config, seed=type(config).seed)
        for key, of in (
            (config.data, record),
            (("any seed", *of_any_seed.data), record | {"fingerprint": files}),
        ):
            other, had = first.setdefault(key, (name, of))
            if said := between(had, of):
                yield f"compared, but from {other} to {name} data changed: {said}"
                break


def changed_since(config, record, data_dir=None):
    """How a finished run's own data differs from what it had, as `differences`.

    No picture is decoded. Sets of TensorFlow Datasets are not looked at, and what is
    not there any more is no other data.

    Args:
        config: the `ExperimentConfig`.
        record: of the run.
        data_dir: as for `datasets.load`.
    """
    mark = record.get("fingerprint", {}).get("dataset")
    if mark is None or own_names.kind(config.dataset) is None:
        return ""
    try:
        now = _fingerprint(config.dataset, config.size, config.color_mode, data_dir)
    except DatasetError:
        return ""
    return "; ".join(_of_files(mark, now))


_fingerprint = functools.cache(own_sets.fingerprint)  # of all the runs of a sweep once


def _of_classes(had, has):
    gone, new = (sorted(set(a) - set(b)) for a, b in ((had, has), (has, had)))
    words = [
        f"{what} {', '.join(names)}"
        for what, names in (("without", gone), ("with", new))
        if names
    ]
    return f"its classes are now {' and '.join(words) or 'in another order'}"


def _of_files(had, has, files="files"):
    if had is None or had == has:
        return []
    if had["files"] != has["files"]:
        return [f"it had {had['files']:,} {files}, here are {has['files']:,}"]
    if had["bytes"] != has["bytes"]:
        return [f"its {files} had {had['bytes']:,} bytes, here are {has['bytes']:,}"]
    return [f"its {files} have other contents or names"]
