"""What a run records of its data, and whether data is still what it was.

In `config.json`: `data`, how many images each part has; `class_names`; and
`fingerprint`, by the setting that names it what tells data of one's own from other data
(`datasets.Dataset`), and under `labels` a hash of all labels in their order, so that a
set that was prepared anew, or split in another way, is told from what it was.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

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


def differences(record, dataset):
    """How data differs from what a run had, in words; "" where it does not.

    Args:
        record: of the run, what `describe` gave then. What it lacks, since the run is
            of before, is not compared.
        dataset: a `datasets.Dataset`.
    """
    now, said = describe(dataset), []
    had, has = (
        ", ".join(f"{n:,} {part}" for part, n in found["data"].items() if n)
        for found in (record, now)
    )
    if had != has:
        said.append(f"it had {had} images, here are {has}")
    if record["class_names"] != now["class_names"]:
        said.append(_of_classes(record["class_names"], now["class_names"]))
    marks = record.get("fingerprint", {})
    for setting, mark in dataset.fingerprint.items():
        said += _of_files(marks.get(setting), mark)
    if (
        not said
        and marks.get("labels", now["fingerprint"]["labels"])
        != (now["fingerprint"]["labels"])
    ):
        said.append("its images are others, or in another order")
    return "; ".join(said)


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


def _of_files(had, has):
    if had is None or had == has:
        return []
    if had["files"] != has["files"]:
        return [f"it had {had['files']:,} files, here are {has['files']:,}"]
    if had["bytes"] != has["bytes"]:
        return [f"its files had {had['bytes']:,} bytes, here are {has['bytes']:,}"]
    return ["its files have other contents or names"]
