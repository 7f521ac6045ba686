"""How far runs are, and why they failed, by what their files say."""

from __future__ import annotations

import dataclasses

from collaborative.nn import checkpoint
from collaborative.runs import failures, obstacles, reader
from collaborative.system import files, run_files
from collaborative.system.words import counted


@dataclasses.dataclass(frozen=True)
class Standing:
    """How far an experiment is: its state, and the epochs that are done."""

    state: str  # finished, running, interrupted, failed, in the way or to do
    epochs: int = 0
    reason: str | None = None  # why it failed or begins again, or what is in its way

    @property
    def is_finished(self):
        """Whether it has been trained to its end."""
        return self.state == "finished"

    @property
    def is_to_run(self):
        """Whether a sweep has anything to do for it."""
        return self.state not in ("finished", "in the way")

    def __str__(self):
        if self.reason:
            return f"{self.state}: {self.reason}"
        if self.state in ("interrupted", "running"):
            return f"{self.state}, {counted(self.epochs, 'epoch')} done"
        return self.state


def standing(config, log_dir):
    """The `Standing` of an experiment, from the files in its directory."""
    run_dir = config.run_dir(log_dir)
    statistics, obstacle = obstacles.examined(config, run_dir)
    epochs = _epochs_in(statistics)
    if not obstacle and statistics and statistics["end_time"] is not None:
        return Standing("finished", epochs)
    if files.is_locked(run_dir):  # whose files may just be removed
        return Standing("running", epochs)
    if obstacle:
        reason = f"{obstacle}, or move {run_dir} away"
        return Standing("in the way", epochs, reason)
    done = epochs_kept(run_dir)
    if reason := failures.reason(run_dir):
        return Standing("failed", done, reason)
    if epochs and not done:
        reason = f"of the {counted(epochs, 'epoch')} done no checkpoint is left"
        return Standing("to do", reason=reason)
    return Standing("interrupted" if done else "to do", done)


def epochs_kept(run_dir):
    """After how many epochs a run that was stopped goes on; 0 where it begins."""
    return checkpoint.newest(run_dir / run_files.CHECKPOINTS)


def epochs_logged(run_dir):
    """How many epochs the statistics of a run have; 0 where there are none."""
    return _epochs_in(logged(run_dir))


def _epochs_in(statistics):
    return len(statistics.get("seconds", ())) if statistics else 0


def logged(run_dir):
    """The statistics of a run, or None where there are none that can be read."""
    try:
        return reader.read_statistics(run_dir / run_files.STATISTICS)
    except reader.UnreadablePickle:
        return None
