"""What `export.py` has recorded of the artifacts of runs: size, speed, error."""

from __future__ import annotations

import math
import pathlib

import pandas as pd

from collaborative.system import files, run_files
from collaborative.system.errors import reason_of

COLUMNS = ("run", "member", "quantize", "bytes", "ms", "error")
# Speeds are those of one runtime, so that they can be compared; it has int8 as well.
FORMAT = "litert"
# What a record that is none of ours may raise, of numbers beyond measure too.
_DAMAGED = (ValueError, LookupError, TypeError, ArithmeticError)


def load(runs, log_dir, say=print):
    """The artifacts in FORMAT that were exported from runs.

    Args:
        runs: rows of `run_table.load_runs`.
        log_dir: where they were read from.
        say: is called with a line for each record that is damaged and left out.

    Returns:
        A DataFrame of COLUMNS: the run's name; the member, or "ensemble"; None or the
        kind of low precision; bytes; the milliseconds that one image alone took where
        it was exported; and the test error in %, which an artifact in float32 has from
        its run.
    """
    rows = []
    for run in runs["run"].unique():
        exports = pathlib.Path(log_dir, run, run_files.EXPORTS)
        for path in sorted(exports.glob(f"*/{run_files.METADATA}")):
            try:
                metadata = files.read_json(path)
                if metadata["format"] == FORMAT:
                    rows.append((run, *_numbers(metadata)))
            except (*_DAMAGED, OSError) as error:
                lacking = "it lacks " if isinstance(error, KeyError) else ""
                say(f"left out {path}, which is damaged: {lacking}{reason_of(error)}")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def none():
    """What `load` gives where nothing was exported."""
    return pd.DataFrame(columns=list(COLUMNS))


def _numbers(metadata):
    kind, checked = metadata["quantize"], metadata["verification"]
    error = checked[f"{kind}_error"] if kind else metadata["scores"]["test_error"]
    size, ms = int(metadata["bytes"]), float(checked["latency_ms"]["alone"])
    member, error = metadata["member"], float(error)
    named = isinstance(member, str) and (kind is None or isinstance(kind, str))
    if not (named and size > 0 and 0 < ms < math.inf and 0 <= error <= 1):
        raise ValueError(
            "member, quantize, bytes, time and error are "
            f"{member!r}, {kind!r}, {size}, {ms}, {error}"
        )
    return member, kind, size, ms, 100 * error
