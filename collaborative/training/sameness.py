"""Whether a run that would go on has the data and code that it began with."""

from __future__ import annotations

import contextlib

from collaborative.runs import code_record, data_record, obstacles, run, standings
from collaborative.system import run_files
from collaborative.system.errors import UserError


class RunError(UserError):
    """A run that cannot go on: one line for the person who started it."""


def check_data(dataset, run_dir):
    """Raises RunError where a run that would go on has learnt from other data."""
    try:
        differences = data_record.differences(run.read_record(run_dir), dataset)
    except (FileNotFoundError, KeyError):  # a record that says nothing of it
        return
    if differences:
        raise RunError(
            f"{run_dir} was trained on other data: {differences}; put it back to go "
            "on, or use another --log_dir, or --overwrite to start anew"
        )


def precision(run_dir):
    """What a run was begun with; None where there is none, or no record of it."""
    record = None
    with contextlib.suppress(OSError, run.DamagedRecord):
        record = run.read_record(run_dir)
    settings = obstacles.settings_in(run_dir, standings.logged(run_dir), record)
    return next((held.get("precision") for held in settings.values()), None)


def notes(config, run_dir):
    """What a person should know of a run that goes on: list of lines."""
    try:
        changed = code_record.changed_since(config, run.read_record(run_dir))
    except FileNotFoundError:
        path = run_dir / run_files.CONFIG
        unknown = "of what its first epochs were made with nothing is known any more"
        return [f"there is no {path}: it is written anew, and {unknown}"]
    return [f"since it began, {changed}"] if changed else []
