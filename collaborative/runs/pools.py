"""Where the processes of a sweep run: on this machine, or on a Ray cluster."""

from __future__ import annotations

import csv
import io
import math
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from collaborative.system import limits, resources, run_files, streams
from collaborative.system.errors import reason_of
from collaborative.system.files import Busy

# What Python is told to run: the command, from the checkout or the installed package.
PROGRAM = (
    [str(resources.CHECKOUT / "run_experiments.py")]
    if resources.CHECKOUT
    else ["-P", "-m", "collaborative.run_experiments"]
)
POLL_SECONDS = 0.2
SECONDS_TO_END = 60  # after SIGTERM; then a process is killed


def command(config, options):
    """The command line that runs one experiment.

    Args:
        config: the `ExperimentConfig`.
        options: dict from further flags to their values.
    """
    settings = config.to_json() | options
    flags = [
        f"--{name}={_listed(value) if isinstance(value, list) else value}"
        for name, value in settings.items()
        if value is not None
    ]
    return [sys.executable, *PROGRAM, *flags]


def _listed(values):
    """Values as a flag takes a list of them: one with a comma in double quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


class LocalPool:
    """Processes on this machine, each with its share of the cores or of the GPUs.

    Args:
        log_dir: directory of all logs; the output of a process goes to `output.log` in
            the directory of its run.
        options: dict of further flags for `command`.
        slots: how many processes at a time.
        threads: of each process; its results depend on it in their last digits.
        gpus: names of the GPUs, see `gpus.shared`.
        environment: dict of further variables for the processes.
    """

    def __init__(self, log_dir, options, slots, threads, gpus=(), environment=None):
        self.slots = slots
        self._log_dir = log_dir
        self._options = options | {"log_dir": log_dir, "threads": threads}
        self._threads = threads
        self._gpus = gpus
        self._environment = {"PYTHONUNBUFFERED": "1"} | (environment or {})

    def start(self, config, slot):
        """Starts the process of an experiment in a slot."""
        run_dir = config.run_dir(self._log_dir)
        run_dir.mkdir(parents=True, exist_ok=True)
        environment = os.environ | self._environment
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
            environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        with open(run_dir / run_files.OUTPUT, "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*self._pinned(slot), *command(config, self._options)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the sweep, which passes it on
            )
        return Process(process)

    def free_memory(self):
        """Bytes that may still be taken here."""
        return limits.free_memory()

    def _pinned(self, slot):
        """The start of a command that runs on the slot's own cores, where they do.

        With a quota they do not: other containers have the first cores too.
        """
        cores = limits.cores()
        too_few = limits.has_quota() or self.slots * self._threads > len(cores)
        if shutil.which("taskset") is None or too_few:
            return []
        own = cores[slot * self._threads : (slot + 1) * self._threads]
        return ["taskset", "--cpu-list", ",".join(map(str, own))]


class Process:
    """A running process of a pool."""

    def __init__(self, process):
        self._process = process
        self.poll, self.terminate = process.poll, process.terminate

    def memory(self):
        """Bytes that it takes, and the most that it has taken."""
        return limits.memory_of(self._process.pid)

    def wait(self, seconds=SECONDS_TO_END):
        """Waits for the end of a terminated process; kills it after so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class RayPool:
    """Tasks on a Ray cluster whose machines share the log directory.

    Args:
        address: of the cluster, as `ray.init` takes it.
        log_dir: directory of all logs, the same path on every machine.
        options: dict of further flags for `command`.
        slots: how many experiments to hand over; Ray runs those it has cores for.

    Raises:
        ImportError: where Ray is not installed.
        OSError: where nothing answers at the address, or it asks for another token.
    """

    def __init__(self, address, log_dir, options, slots):
        import ray

        _check_address(address)
        self.slots = slots
        self._log_dir = pathlib.Path(log_dir).absolute()
        places = {
            name: pathlib.Path(path).absolute()
            for name in ("data_dir", "manual_dir")
            if (path := options.get(name))
        }
        own = {"log_dir": self._log_dir, "threads": 1}
        self._options = options | places | own
        try:
            with streams.silence():  # its C++ repeats an error every second
                ray.init(address, logging_level="error", log_to_driver=False)
        except ray.exceptions.RayError as error:
            reason = reason_of(error).partition(". ")[0]
            raise ConnectionError(reason) from error
        # A worker that dies takes its task with it; Ray then runs it elsewhere, where
        # it goes on from its checkpoint.
        self._run = ray.remote(num_cpus=1, max_retries=5)(run_to_end)

    def start(self, config, slot):
        """Hands an experiment to the cluster."""
        run_dir = config.run_dir(self._log_dir)
        arguments = command(config, self._options), str(run_dir / run_files.OUTPUT)
        return RayTask(self._run.remote(*arguments))

    def free_memory(self):
        """Endless: where there is room, Ray decides."""
        return math.inf


def _check_address(address):
    """Asks for an answer at HOST:PORT, for which Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


class RayTask:
    """A task of a `RayPool`."""

    def __init__(self, reference):
        self._reference = reference

    def poll(self):
        """None while it waits or runs, then the exit status of its process."""
        import ray

        ready, _ = ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            return ray.get(self._reference)
        except ray.exceptions.RayError:
            return -9  # its workers died, and their successors

    def memory(self):
        """It is on another machine, and not measured."""
        return 0, 0

    def terminate(self):
        """Tells it to end."""
        import ray

        ray.cancel(self._reference)

    def wait(self, seconds=SECONDS_TO_END):
        """Waits for its end, but not for a machine that does not answer."""
        import ray

        ray.wait([self._reference], timeout=seconds)


def run_to_end(arguments, log_path):
    """Runs a command on a machine of the cluster; its exit status.

    Where a process of a lost worker is still at the same run, this waits for it.
    """
    path = pathlib.Path(log_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            status = _polled(process)
        if status != Busy.status:
            return status
        time.sleep(5)


def _polled(process):
    """Waits for a process, in steps that Ray can interrupt; it ends before the task.

    Ray kills a task's children together with its worker when the driver is gone, which
    is as soon as the task has ended: in the middle of a write.
    """
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
        return process.returncode
    finally:
        process.terminate()  # it keeps its checkpoint
        Process(process).wait()
