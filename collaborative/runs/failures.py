"""Why an experiment failed: kept beside what it had logged, until it succeeds."""

from __future__ import annotations

import json
import pathlib
import time

from collaborative.system import files


def record(run_dir, reason):
    """Writes the reason, one line, to `failure.json` in a run's directory."""
    content = {"reason": reason, "time": time.time()}
    with files.replacing(pathlib.Path(run_dir, "failure.json")) as path:
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def reason(run_dir):
    """Why the run failed when it was last tried, or None."""
    try:
        content = pathlib.Path(run_dir, "failure.json").read_text(encoding="utf-8")
        return str(json.loads(content)["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(run_dir):
    """Removes the record, where there is one."""
    pathlib.Path(run_dir, "failure.json").unlink(missing_ok=True)
