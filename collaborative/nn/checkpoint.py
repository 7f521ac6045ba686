"""Checkpoints: all that a run needs to go on exactly where it stood.

One file an epoch, `epoch_0007.npz`, holds the variables of the model (seed generators
among them) and of its optimizer, the statistics of the epochs done, and the settings of
the run. Plain arrays only; the archive's checksums tell a damaged file, and then the
one before it serves.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import zipfile
import zlib

import numpy as np

from collaborative.system import files

KEPT = 2  # the newest, and one to fall back on

# What reading half a file, or a file of another model, raises.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


def save(directory, epochs_done, model, statistics, settings):
    """Writes a checkpoint and removes all but the last two.

    Args:
        directory: where the checkpoints of a run lie.
        epochs_done: how many epochs of training are done.
        model: a compiled `keras.Model`.
        statistics: dict of float arrays.
        settings: dict of plain values, which tell the run from others.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(exist_ok=True)
    arrays = {f"variable/{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
    arrays |= {f"statistics/{name}": value for name, value in statistics.items()}
    arrays["epochs_done"] = np.array(epochs_done)
    arrays["settings"] = np.array(json.dumps(settings, default=str))
    with files.replacing(directory / f"epoch_{epochs_done:04d}.npz") as path:
        np.savez(path, **arrays)
    for old in _newest_first(directory)[KEPT:]:
        old.unlink()


def restore(directory, model):
    """Loads the newest whole checkpoint into a model.

    Args:
        directory: where the checkpoints of a run lie; need not exist.
        model: a compiled model of the same architecture and optimizer.

    Returns:
        (epochs done, statistics, damaged): the dict of arrays given to `save`, or
        (0, {}, damaged) where there is no checkpoint; and the paths of damaged files
        that were passed over.
    """
    damaged = []
    for path in _newest_first(directory):
        try:
            with _opened(path) as archive:
                _check_name(path, archive)
                arrays = {name: archive[name] for name in archive.files}
            _assign(model, arrays)
        except _DAMAGE:
            damaged.append(path)
            continue
        prefix = "statistics/"
        statistics = {
            name.removeprefix(prefix): value
            for name, value in arrays.items()
            if name.startswith(prefix)
        }
        return _epochs_of(path), statistics, damaged
    return 0, {}, damaged


def newest(directory):
    """How many epochs the newest checkpoint has; 0 where there is none.

    Damage to its variables, which are not read, only `restore` finds.
    """
    for path in _newest_first(directory):
        with contextlib.suppress(*_DAMAGE), _opened(path) as archive:
            _check_name(path, archive)
            return _epochs_of(path)
    return 0


def settings(directory):
    """What each checkpoint has been given as settings, by its path, misnamed or not."""
    found = {}
    for path in _newest_first(directory):
        with contextlib.suppress(*_DAMAGE), _opened(path) as archive:
            found[path] = dict(json.loads(str(archive["settings"])))
    return found


def size_of(model):
    """Bytes of the values that a checkpoint of a compiled model has."""
    return sum(variable.numpy().nbytes for variable in _variables(model))


def _variables(model):
    """Variables of the model and its optimizer, which is built if need be."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _assign(model, arrays):
    variables = _variables(model)
    values = [arrays[f"variable/{i}"] for i in range(len(variables))]
    for variable, value in zip(variables, values, strict=True):
        if variable.shape != value.shape:
            raise ValueError(f"{variable.path} is {variable.shape}, not {value.shape}")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def _opened(path):
    """The arrays of a file, which is closed where it is damaged, too."""
    with open(path, "rb") as file, np.load(file) as archive:
        yield archive


def _check_name(path, archive):
    """Raises ValueError for a file that is named after another epoch than its own."""
    epochs = archive.get("epochs_done", _epochs_of(path))  # an old one has none
    if int(epochs) != _epochs_of(path):
        raise ValueError(f"{path} is of epoch {epochs}")


def _newest_first(directory):
    paths = pathlib.Path(directory).glob("epoch_*.npz")
    files_of_ours = (path for path in paths if path.is_file())
    own = (p for p in files_of_ours if p.stem.removeprefix("epoch_").isdecimal())
    return sorted(own, key=_epochs_of, reverse=True)


def _epochs_of(path):
    return int(path.stem.removeprefix("epoch_"))
