"""Runs many experiments, each in a process of its own, and survives their faults.

The file system is the truth: an experiment is finished when its statistics say so, and
being run while its directory is locked (`files.locked`). So several sweeps, on one
machine or on many that share a directory, divide the work among themselves, and each
can be stopped and started at any time. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import collections
import math
import time

from collaborative.runs import failures, space
from collaborative.runs.memory import Memory, gibibytes
from collaborative.runs.planning import Estimator, name_of
from collaborative.runs.pools import SECONDS_TO_END
from collaborative.runs.standings import logged, standing
from collaborative.runs.view import View, errors
from collaborative.system import run_files
from collaborative.system.files import Busy

POLL_SECONDS = 0.5
KILLED = (-9, 137)  # exit statuses after SIGKILL, which the kernel ends with


class Sweep:
    """Runs experiments until all are finished or have failed.

    Args:
        configs: the `ExperimentConfig`s.
        log_dir: directory of all logs.
        pool: starts processes: has `slots`, how many at a time, `free_memory()` in
            bytes and `start(config, slot)`, which returns something with `poll()`, None
            or the exit status, `memory()`, see `limits.memory_of`, and `terminate()`.
        console: of rich, where the progress is shown.
        limit: seconds after which those that run are told to end, with what they have.

    Attributes:
        failed: dict from config to reason of those that have failed.
        stopped: why the others were not started, one line, or None.
        is_out_of_time: whether the limit ended it.
    """

    def __init__(self, configs, log_dir, pool, console=None, limit=math.inf):
        self.failed, self.stopped, self.is_out_of_time = {}, None, False
        self._limit = limit
        self._log_dir = log_dir
        self._pool = pool
        self._waiting = collections.deque(configs)
        self._running = {}  # slot -> (config, process)
        self._count = len(configs)
        self._finished = 0
        self._estimator = Estimator(log_dir)
        self._view = View(configs, log_dir, self._estimator, console)
        self._memory = Memory(log_dir)
        self._told = set()

    def run(self):
        """Runs them all; on an interruption the running ones are told to end.

        Returns:
            How many are finished.
        """
        end = time.monotonic() + self._limit
        with self._view:
            try:
                self._say_what_it_needs()
                while self._waiting or self._running:
                    self._start()
                    self._collect()
                    self._view.update([c for c, _ in self._running.values()])
                    if time.monotonic() >= end:
                        self._end_in_time()
                    time.sleep(POLL_SECONDS)
            except BaseException:
                self._terminate()
                raise
        return self._finished

    def _say_what_it_needs(self):
        """Says where the disk has too little room for all."""
        needs = [
            self._estimator.run_bytes(config)
            for config in self._waiting
            if standing(config, self._log_dir).is_to_run
        ]
        # Of a finished run, its checkpoints are gone.
        transient = sorted(needs)[-self._pool.slots :]
        need = (sum(needs) + (space.COPIES - 1) * sum(transient)) / space.COPIES
        line = space.shortage(self._log_dir, need, f"all {len(needs)} need")
        if line:
            self._view.say(line)

    def _start(self):
        """Starts what can be started; what others run waits for its turn again."""
        for _ in range(len(self._waiting)):
            free = [s for s in range(self._pool.slots) if s not in self._running]
            if not free:
                return
            config = self._waiting.popleft()
            stands = standing(config, self._log_dir)
            if stands.is_finished:
                self._done(config, "finished")
            elif stands.state == "running":
                self._waiting.append(config)
            elif stands.state == "in the way":
                self.failed[config] = str(stands)
                self._done(config, str(stands))
            elif self._full(config):
                return
            elif not self._has_memory(config):
                self._waiting.appendleft(config)
                return
            else:
                failures.forget(config.run_dir(self._log_dir))
                self._running[free[0]] = config, self._pool.start(config, free[0])
                self._memory.begin(config)

    def _full(self, config):
        """Whether the disk has no room for one more: then those that run are the last.

        They end by themselves, or fail and keep what they had.
        """
        need = self._estimator.run_bytes(config)
        run_dir = config.run_dir(self._log_dir)
        line = space.shortage(self._log_dir, need - space.size_of(run_dir))
        if line:
            self.stopped = line
            self._waiting.clear()
        return bool(line)

    def _has_memory(self, config):
        """Whether there is memory for one more; one at a time is tried in any case."""
        free = self._pool.free_memory()
        if self._memory.suffices(config, free):
            return True
        line = self._memory.shortage(config, free, self._pool.slots)
        if line and len(self._running) not in self._told:
            self._told.add(len(self._running))
            self._view.say(line)
        return not self._running

    def _collect(self):
        for slot, (config, process) in list(self._running.items()):
            status = process.poll()
            if status is None:
                self._memory.measure(config, process)
                continue
            del self._running[slot]
            peak = self._memory.end(config, killed=status in KILLED)
            if status == Busy.status:
                self._waiting.append(config)
            elif standing(config, self._log_dir).is_finished:
                self._done(config, "finished")
            else:
                self._fail(config, status, peak)

    def _fail(self, config, status, peak):
        run_dir = config.run_dir(self._log_dir)
        of_data = failures.is_of_data(run_dir)
        reason = explanation(status, run_dir / run_files.OUTPUT, peak)
        if space.free_disk(self._log_dir) < space.FIXED:
            # The process may not have been able to say so in its output.
            reason = f"there is no room left in {self._log_dir}"
        self.failed[config] = reason
        self._done(config, f"failed: {reason}")
        try:
            failures.record(run_dir, reason, of_data)
        except OSError as error:
            self._view.say(f"{error.strerror}: {run_dir}: its failure is not recorded")
        if of_data:
            self._leave_out(config.data, reason)

    def _leave_out(self, data, reason):
        """Fails what has not been started yet on data that cannot be had."""
        of_others = ("finished", "running")  # another sweep may have the data
        alike = [
            config
            for config in self._waiting
            if config.data == data
            and standing(config, self._log_dir).state not in of_others
        ]
        for config in alike:
            self._waiting.remove(config)
            self.failed[config] = reason
            self._view.end(config)
        if alike:
            self._view.say(f"not started, on the same data: {len(alike)} more")

    def _done(self, config, what):
        self._finished += what == "finished"
        done = self._finished + len(self.failed)
        if what == "finished":
            what += f"  {errors(logged(config.run_dir(self._log_dir)))}"
        self._view.say(f"[{done}/{self._count}] {name_of(config)}  {what}")
        self._view.end(config)

    def _end_in_time(self):
        """Ends all that runs: it keeps its whole epochs, and is no failure."""
        self._collect()
        self.is_out_of_time = bool(self._waiting)
        self._waiting.clear()
        self._terminate()
        for config, _ in self._running.values():
            if standing(config, self._log_dir).is_finished:
                self._done(config, "finished")
            else:
                self.is_out_of_time = True
        self._running.clear()

    def _terminate(self):
        for _, process in self._running.values():
            process.terminate()
        end = time.monotonic() + SECONDS_TO_END  # for all together
        for _, process in self._running.values():
            process.wait(max(0.1, end - time.monotonic()))


def explanation(status, log_path, peak=0):
    """Why a process ended with a status other than 0, as one line.

    Args:
        status: its exit status; below 0, the signal that killed it.
        log_path: file with its output, whose last line says it if it ended by itself.
        peak: the most memory that it took, in bytes; 0 where that is not known.
    """
    if status in KILLED:
        took = f", of which it took {gibibytes(peak)}" if peak else ""
        return (
            f"killed (SIGKILL), probably for want of memory{took}: run fewer at once "
            "(--jobs), or with a smaller --batch_size"
        )
    if status < 0:
        return f"killed by signal {-status}"
    if not log_path.parent.exists():
        return f"its directory {log_path.parent} has vanished"
    try:
        lines = log_path.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next(line for line in reversed(lines) if line.strip())
        return last.removeprefix("run_experiments.py: ")
    except (OSError, StopIteration):
        return f"exit status {status}"
