"""Measuring in a process of its own: what it printed last, or what went wrong in it."""

from __future__ import annotations

import json
import subprocess
import sys


def run(arguments, **options):
    """Runs a script in a fresh Python; leaves with what it said where it fails.

    Args:
        arguments: the script and its arguments.
        **options: of `subprocess.run`.

    Returns:
        What it printed.
    """
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )
    if process.returncode:
        said = process.stderr.strip().splitlines()[-3:]
        sys.exit("\n".join([f"{arguments[0]} failed:", *said]))
    return process.stdout


def measured(arguments, **options):
    """The JSON of the last line that a script prints; see `run`."""
    return json.loads(run(arguments, **options).splitlines()[-1])
