"""One table of runs: ours, read from their directories, and the author's.

`paper/released_curves.csv` holds the statistics by epoch that the author published
with his code; their last epochs are the paper's Figures A.7 to A.12
(`paper/tables.csv`), but for one cost of 117, which lacks its last digit in print
(notMNIST, L1 0.01, ensemble: 0.0535467 in the logs). At the last epoch the printed
numbers count.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import (
    PAPER_DATASETS,
    PAPER_METHODS,
    PAPER_SETTINGS,
    paper_dataset,
)
from collaborative.experiments.settings import IMMATERIAL, SETTINGS
from collaborative.nn import network_files
from collaborative.runs import data_record, origin_record
from collaborative.runs.reader import UnreadablePickle, read_statistics
from collaborative.runs.run import DamagedRecord, config_of, read_record
from collaborative.system import run_files
from collaborative.system.errors import UserError

MEASURED = ("train_error", "train_cost", "test_error", "test_cost")
RUNNING = ("train_error_running", "train_cost_running")
CHOSEN_BY = "validation_error"
CHOSEN_BY_NOISY = "noisy_validation_error"  # where labels are wrong on purpose
ORIGIN = ("run", "command", "versions", "revision", "device", "seconds")
COLUMNS = (
    *SETTINGS,
    "setting",
    "model",
    "epoch",
    *MEASURED,
    *RUNNING,
    CHOSEN_BY,
    CHOSEN_BY_NOISY,
    *ORIGIN,
)


class NoRuns(UserError):
    """There is no directory with runs; one line for a person."""


class _LeftOut(Exception):
    """A run that is not read, and why."""


def load_runs(
    log_dir: str | os.PathLike, say: Callable[[str], object] = print
) -> pd.DataFrame:
    """Reads the finished runs below a directory.

    Args:
        log_dir: the directory; runs lie anywhere below it.
        say: is called with a line for each file that is damaged, foreign or of a run
            that is not finished, and for each second copy of a run; these are left out;
            and for each that had other data than one that it is compared with.

    Returns:
        A DataFrame with a row for each run, model ("ST", ..., "ensemble") and epoch
        (from 1). Columns are `COLUMNS`: the settings of `ExperimentConfig`;
        `setting`, how they deviate from the paper's ("" where they do not); the errors
        (fractions) and costs, of training as the epoch's mean and as the paper's
        running mean; and where the run came from.

    Raises:
        NoRuns: where there is no such directory.
    """
    log_dir = pathlib.Path(os.path.expanduser(log_dir))
    if not log_dir.is_dir():
        raise NoRuns(
            f"there is no directory {log_dir}: give the --log_dir of run_experiments.py"
        )
    found, seen, of_data = [], {}, []
    for path in _run_files(log_dir):
        name = path.relative_to(log_dir)
        try:
            run, config, record = _load_run(path, str(name.parent))
            identity = _identity(run)
            if identity in seen:
                raise _LeftOut(f"the same experiment as {seen[identity]}")
        except (_LeftOut, UnreadablePickle, OSError) as error:
            reason = str(error).removeprefix(f"{path}: ").replace("\n", " ")
            say(f"left out {name}: {reason}")
            continue
        seen[identity] = name
        found.append(run)
        of_data.append((name.parent, config, record))
    for line in data_record.compared_unlike(of_data):
        say(line)
    return table_of(found)


def _run_files(log_dir):
    """Each file of statistics, and each `config.json` that has none beside it."""
    return [
        path
        for path in sorted({*log_dir.rglob("*.pkl"), *log_dir.rglob(run_files.CONFIG)})
        if path.name != run_files.CONFIG
        or not (path.parent / run_files.STATISTICS).exists()
    ]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's rows: what all of them have, and its curves as arrays of one length."""

    columns: dict
    curves: dict


def table_of(found):
    """A DataFrame of `COLUMNS` of some `Run`s; one frame, as one a run takes long."""
    if not found:
        return pd.DataFrame(columns=list(COLUMNS))
    lengths = [len(run.curves["epoch"]) for run in found]
    places = np.repeat(np.arange(len(found)), lengths)
    data = {}
    for name in COLUMNS:
        if name in found[0].columns:
            values = [run.columns[name] for run in found]
            dtype = object if None in values else None  # None is a setting, no gap
            given = pd.Series(values, dtype=dtype)  # its `repeat` would lose the dtype
            data[name] = given.take(places).reset_index(drop=True)
        else:
            curves = (run.curves.get(name) for run in found)
            data[name] = np.concatenate(
                [
                    np.full(length, np.nan) if curve is None else curve
                    for curve, length in zip(curves, lengths, strict=True)
                ]
            )
    return pd.DataFrame(data)


def _identity(run):
    """All settings of a run that say what is computed."""
    settings = set(SETTINGS) - set(IMMATERIAL)
    return tuple(run.columns[name] for name in sorted(settings))


def _load_run(path, run):
    """A `Run`, its `ExperimentConfig` and record, from the path of its `stats.pkl`."""
    if path.name == run_files.CONFIG:
        trained = (path.parent / run_files.MODEL).exists()
        why = "" if trained else ": no epoch was finished"
        raise _LeftOut(f"there is no {run_files.STATISTICS} beside it{why}")
    if path.name != run_files.STATISTICS:
        raise _LeftOut("not a file of a run")
    statistics = read_statistics(path)
    config, content = _read_config(path.parent)
    if config.differences(statistics["params"]):
        raise _LeftOut("config.json beside it is of another run")
    if statistics["end_time"] is None:
        done = len(statistics.get("seconds", ()))
        raise _LeftOut(f"not finished: {done} of {config.epochs} epochs")
    columns = config_columns(config) | {
        "setting": deviations(config),
        "run": run,
        **origin_record.described(content),
        "seconds": float(sum(statistics.get("seconds", ()))),
    }
    return Run(columns, _curves(statistics, config)), config, content


def _curves(statistics, config):
    """The columns of a run that differ by model and epoch: dict of arrays."""
    done = config.epochs
    if config.patience or config.callbacks:  # which may have ended it early
        done = min(done, len(statistics.get("seconds", ())) or done)
    parts = []
    for model, curves in statistics["models"].items():
        measured = {n: curves.get(n) for n in MEASURED + RUNNING}
        if config.validation or CHOSEN_BY in curves:
            measured[CHOSEN_BY] = curves.get(CHOSEN_BY)
        if CHOSEN_BY_NOISY in curves:
            measured[CHOSEN_BY_NOISY] = curves[CHOSEN_BY_NOISY]
        if any(v is None or v.shape != (done,) for v in measured.values()):
            raise _LeftOut(f"no whole curves of {model} over {done} epochs")
        names = np.full(done, str(model), dtype=object)
        epochs = np.arange(1, done + 1)
        parts.append(measured | {"model": names, "epoch": epochs})
    if not parts:
        raise _LeftOut("no models in it")
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _read_config(run_dir):
    """The `ExperimentConfig` and everything that a `config.json` holds."""
    try:
        record = read_record(run_dir)
        return config_of(record), record
    except FileNotFoundError:
        raise _LeftOut(f"there is no {run_files.CONFIG} beside it") from None
    except DamagedRecord as error:
        reason = f"{run_files.CONFIG} beside it {error.what} ({error})"
        raise _LeftOut(reason) from error


def deviations(config):
    """What distinguishes a run from the paper's setting, in words; "" where nothing.

    Data set, method, weight and seed are what the paper varies. Every other setting but
    those of `IMMATERIAL` counts: runs that differ in one are not comparable, and never
    pooled. On the paper's data sets, and those beside them, a method that it has not
    counts too: its intervals hold together for its own methods.

    Args:
        config: an `ExperimentConfig`.
    """
    varied = ("dataset", "method", "alpha", "seed")
    paper = ExperimentConfig(
        members=("ST", "M"), **{name: getattr(config, name) for name in varied}
    )
    changes = config.changes(paper, IMMATERIAL)
    has_method = config.method in ("Single", *PAPER_METHODS)
    if paper_dataset(config.dataset) and not has_method:
        changes = {"method": config.method} | changes
    return ", ".join(f"{name} {_joined(value)}" for name, value in changes.items())


def _joined(value):
    """A value of a column: names joined, files by their short names."""
    is_several = isinstance(value, tuple)
    return "-".join(map(network_files.short_name, value)) if is_several else value


def config_columns(config):
    """The settings of an `ExperimentConfig` as values of columns, names joined."""
    return {name: _joined(getattr(config, name)) for name in SETTINGS}


def missing_experiments(runs):
    """The experiments of the paper's 39 that `runs` lacks, as (dataset, method, alpha).

    A run counts in the paper's setting only; the small archive stands for no notMNIST.
    """
    there = runs.loc[runs["setting"] == "", ["dataset", "method", "alpha"]]
    there = set(there.itertuples(index=False, name=None))
    return [
        (dataset, *setting)
        for dataset in PAPER_DATASETS
        for setting in PAPER_SETTINGS
        if (dataset, *setting) not in there
    ]


def without(runs, settings):
    """The rows of all settings but some.

    Args:
        settings: pairs (method, alpha).
    """
    keys = pd.MultiIndex.from_frame(runs[["method", "alpha"]])
    return runs[~keys.isin(list(settings))]


def percent(errors):
    """Fractions of images in %, as exact as counts are: runs keep seven digits.

    Args:
        errors: a Series or DataFrame of them, or a number of NumPy's.
    """
    return np.round(100 * errors.astype(float), 5)


def final_epochs(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of the epoch whose weights each run has kept: its last, or a chosen one.

    Of what validation images chose, the test error was measured in that epoch alone.
    """
    chosen = (runs["patience"] > 0) | (runs["keep"] == "best")
    is_last = runs["epoch"] == runs.groupby("run")["epoch"].transform("max")
    return runs[runs["test_error"].notna().where(chosen, is_last)]
