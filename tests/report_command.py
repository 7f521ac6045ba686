"""The command that reports, in a process of its own."""

import subprocess
import sys

from conftest import ROOT


def command(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "analysis.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
    )
