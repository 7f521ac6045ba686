"""The GPUs of this machine, and how the experiments of a sweep share them.

Processes on one GPU take turns. Under NVIDIA's Multi-Process Service (MPS) they compute
at the same time: of 8 experiments each takes but twice as long as one that runs alone
(benchmarks/gpu.md). A sweep starts a daemon of its own for that, which needs no setting
of the card.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from collaborative.system import interruption

_DAEMON = "nvidia-cuda-mps-control"
_PIPES, _LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
_SECONDS = 60  # in which a program of the driver must answer
# What was measured: 8 experiments on one GPU with 80 GB.
_MOST_JOBS, _JOB_MEBIBYTES = 8, 10_000


def visible():
    """The GPUs that CUDA would show to a process: their numbers or names, as text."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        return [name for name in shown.split(",") if name.strip() not in ("", "-1")]
    return [str(i) for i in range(_said_by_driver("-L").count("GPU "))]


def product_names():
    """What this machine's GPUs are, as the driver says: names, each at most once."""
    said = _said_by_driver("--query-gpu=name", "--format=csv,noheader")
    return sorted({line.strip() for line in said.splitlines() if line.strip()})


def jobs_that_pay(names):
    """How many experiments GPUs, as `visible` names them, compute at the same time.

    One each without MPS; with it one for each 10 GB of the smallest, at most 8.
    """
    if not _can_share():
        return len(names)
    query = "--query-gpu=memory.total", "--format=csv,noheader,nounits"
    sizes = [int(word) for word in _said_by_driver(*query).split() if word.isdecimal()]
    fit = min(sizes, default=0) // _JOB_MEBIBYTES
    return len(names) * max(1, min(_MOST_JOBS, fit))


@contextlib.contextmanager
def shared(names, jobs, say=print):
    """Runs an MPS daemon for the block where more jobs than GPUs are to run.

    Args:
        names: of the GPUs, as `visible` gives them.
        jobs: how many experiments run at the same time.
        say: is called with a line that a person should read.

    Yields:
        (names of the GPUs for the experiments' processes, dict of further variables of
        their environment). The daemon numbers the GPUs that it sees from 0.
    """
    if not names or jobs <= len(names) or _PIPES in os.environ:
        yield names, {}
        return
    if not _can_share():
        say(f"experiments take turns on a GPU: {_DAEMON} is not here to start")
        yield names, {}
        return
    # Not below the logs: the path of a socket has at most 108 bytes.
    with tempfile.TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as own:
        places = {name: str(pathlib.Path(own, name)) for name in (_PIPES, _LOGS)}
        for place in places.values():
            os.mkdir(place)
        try:
            reason = _control(["-d"], places)
            if reason:
                say(f"experiments take turns on a GPU: {_DAEMON} says {reason}")
                yield names, {}
            else:
                yield [str(i) for i in range(len(names))], places
        finally:
            with interruption.held_back():
                _control([], places, "quit\n")


def _can_share():
    return _PIPES in os.environ or shutil.which(_DAEMON) is not None


def _control(arguments, places, said=""):
    """Runs the daemon's program; why it failed, one line, or ""."""
    with tempfile.TemporaryFile("w+") as output:  # a daemon would keep a pipe open
        try:
            status = subprocess.run(
                [_DAEMON, *arguments],
                env=os.environ | places,
                input=said,
                stdout=output,
                stderr=output,
                text=True,
                timeout=_SECONDS,
                start_new_session=True,  # Ctrl-C is for the sweep, which ends it
            ).returncode
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        output.seek(0)
        line = output.readline().strip()
    return (line or f"status {status}") if status else ""


def _said_by_driver(*arguments):
    """What `nvidia-smi` prints; nothing where there is no driver."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            ["nvidia-smi", *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        ).stdout
    return ""
