"""What a run ran with and on: recorded beside its results."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf


def describe():
    """Versions, revision of this code, device and command, as plain JSON values."""
    return {
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "git_revision": git_revision(),
        "device": device(),
        "command": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def git_revision():
    """The revision of this code, with "+" where it was changed since; None outside."""
    here = pathlib.Path(__file__).parent

    def git(*arguments):
        command = ["git", "-C", str(here), *arguments]
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)

    try:
        revision = git("rev-parse", "HEAD").strip()
        changed = git("status", "--porcelain", "-uno")
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+" if changed else "")


def device():
    """The GPUs that TensorFlow sees, else the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(g)["device_name"] for g in gpus]
    return ", ".join(names) or _processor()


def _processor():
    """The processor's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} core{'s' * (cores > 1)}"
