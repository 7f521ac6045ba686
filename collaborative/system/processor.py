"""The processor of this machine, as Linux describes it; else as Python does.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import pathlib
import platform

from collaborative.system import limits
from collaborative.system.words import counted


def flags():
    """Extensions of its instruction set, as Linux names them: a set."""
    return set(_described("flags").split())


def is_x86():
    """Whether it is Intel's or AMD's kind, of 64 bits."""
    return platform.machine().lower() in ("x86_64", "amd64")


def name():
    """Its name."""
    return _described("model name") or platform.processor() or platform.machine()


def name_with_cores():
    """Its name, and how many of its cores this process may use."""
    return f"{name()}, {counted(limits.core_count(), 'core')}"


def _described(key):
    """What Linux says under a key, of the first core; "" where it says nothing."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    said = (line.partition(":")[2] for line in lines if line.startswith(key))
    return next(said, "").strip()
