"""The live view of a sweep: bars, and the errors of what runs.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import rich.console
import rich.progress

from collaborative.runs import reader
from collaborative.runs.planning import name_of
from collaborative.runs.standings import logged


class View:
    """A bar for all experiments, and one for each that runs.

    Args:
        configs: the `ExperimentConfig`s.
        log_dir: directory of all logs.
        estimator: a `planning.Estimator`.
        console: of rich, or None: that of the process.
    """

    def __init__(self, configs, log_dir, estimator, console=None):
        self._log_dir = log_dir
        self._seconds = {c: estimator.epoch_seconds(c) or 60 for c in configs}
        self._done = {}  # config -> epochs done
        self._tasks = {}
        self._progress = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}", markup=False),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeRemainingColumn(),
            rich.progress.TextColumn("{task.fields[errors]}", markup=False),
            console=console or rich.console.Console(highlight=False),
            speed_estimate_period=3600,
        )
        total = sum(c.epochs * self._seconds[c] for c in configs)
        self._all = self._progress.add_task("all", total=total, errors="")

    def __enter__(self):
        self._progress.__enter__()
        return self

    def __exit__(self, *error):
        for task in self._tasks.values():
            self._progress.remove_task(task)
        # What was not done is no result: its bar goes.
        self._progress.live.transient = error[0] is not None
        self._progress.__exit__(*error)

    def say(self, line):
        """Shows a line above the bars."""
        self._progress.console.print(line, markup=False, soft_wrap=True)

    def update(self, running):
        """Moves the bars to what the running experiments have logged."""
        for config in running:
            if config not in self._tasks:
                self._tasks[config] = self._progress.add_task(
                    name_of(config), total=config.epochs, errors=""
                )
            found = logged(config.run_dir(self._log_dir))
            self._done[config] = len(found["seconds"]) if found else 0
            self._progress.update(
                self._tasks[config],
                completed=self._done[config],
                errors=errors(found) if self._done[config] else "",
            )
        self._move()

    def end(self, config):
        """Takes away the bar of an experiment that has ended."""
        if config in self._tasks:
            self._progress.remove_task(self._tasks.pop(config))
        self._done[config] = config.epochs
        self._move()

    def _move(self):
        done = sum(n * self._seconds[c] for c, n in self._done.items())
        self._progress.update(self._all, completed=done)


def errors(statistics):
    """The newest errors of a run, or those of a finished one, as text.

    Args:
        statistics: see `runs.reader`, of at least one epoch.

    Returns:
        E.g. "validation error in %: ST 2.50  M 2.00  ensemble 1.50".
    """
    found, images = [], "test"
    for name, curves in statistics["models"].items():
        images = "validation" if "validation_error" in curves else "test"
        values = curves[f"{images}_error"]
        at = len(values)
        if statistics["end_time"] is not None:
            at = reader.kept_epoch(curves)
        found.append(f"{name} {100 * values[at - 1]:.2f}")
    return f"{images} error in %: {'  '.join(found)}"
