"""The command that trains, in a process of its own."""

import subprocess
import sys

from conftest import ROOT

SCRIPT = ROOT / "run_experiments.py"


def command(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=500,
        **kwargs,
    )
