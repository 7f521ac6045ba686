"""A pool without processes, and a sweep of experiments in it."""

import io

import rich.console
from logged_runs import logged_run

from collaborative.experiments.grids import paper_grid
from collaborative.runs import sweep

CONFIGS = paper_grid(["digits"], truncate=64, epochs=4)


class FakePool:
    """Ends each experiment in a few polls, as `outcome(config)` says.

    An outcome is an exit status; 0 logs a finished run first.
    """

    def __init__(self, log_dir, outcome, slots=2):
        self.slots = slots
        self.log_dir, self.outcome = log_dir, outcome
        self.started, self.most, self.now = [], 0, set()
        self.free, self.epochs = 100 * 2**30, 0

    def free_memory(self):
        return self.free

    def start(self, config, slot):
        assert slot not in self.now
        self.now.add(slot)
        self.most = max(self.most, len(self.now))
        self.started.append(config)
        return FakeProcess(self, config, slot)


class FakeProcess:
    def __init__(self, pool, config, slot):
        self.pool, self.config, self.slot = pool, config, slot
        self.polls, self.terminated = 0, False

    def poll(self):
        self.polls += 1
        if self.polls < 5:
            if self.pool.epochs:
                logged_run(self.config, self.pool.log_dir, self.pool.epochs)
            return None
        status = self.pool.outcome(self.config)
        self.pool.now.discard(self.slot)
        if status == 0:
            logged_run(self.config, self.pool.log_dir, finished=True)
        return status

    def memory(self):
        return 2**29, 2**30

    def terminate(self):
        self.terminated = True

    def wait(self, seconds):
        assert self.terminated


def swept(log_dir, pool, configs=CONFIGS, **settings):
    """Runs a sweep; itself and what it showed."""
    output = io.StringIO()
    console = rich.console.Console(file=output, width=200)
    result = sweep.Sweep(configs, log_dir, pool, console, **settings)
    result.count = result.run()
    return result, output.getvalue()
