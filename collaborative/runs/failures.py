"""Why a run failed when it was last tried: `failure.json` in its directory."""

from __future__ import annotations

import json
import pathlib
import time

from collaborative.system import files, run_files


def record(run_dir, reason, of_data=False):
    """Keeps why a run failed, one line, until it succeeds.

    Args:
        run_dir: its directory; where it is not there, nothing was begun, nor is kept.
        reason: the line.
        of_data: whether all runs on the same images and labels fail like it.
    """
    if not pathlib.Path(run_dir).is_dir():
        return
    content = {"reason": reason, "of_data": of_data, "time": time.time()}
    with files.replacing(_path(run_dir)) as path:
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def reason(run_dir):
    """Why the run failed when it was last tried, or None."""
    return _read(run_dir).get("reason")


def is_of_data(run_dir):
    """Whether all runs on the same images and labels fail as the run did."""
    return bool(_read(run_dir).get("of_data"))


def forget(run_dir):
    """Removes the reason of a failure, where there is one."""
    _path(run_dir).unlink(missing_ok=True)


def _read(run_dir):
    """What is recorded, a dict; empty where nothing is, or it is damaged."""
    try:
        content = files.read_json(_path(run_dir))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _path(run_dir):
    return pathlib.Path(run_dir, run_files.FAILURE)
