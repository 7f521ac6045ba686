"""How far runs are, and why they failed or cannot go on, by what their files say."""

from __future__ import annotations

import dataclasses

from collaborative.runs import failures, reader
from collaborative.runs.run import DamagedRecord, read_record
from collaborative.system import files, run_files
from collaborative.system.words import counted


@dataclasses.dataclass(frozen=True)
class Standing:
    """How far an experiment is: its state, and the epochs that are logged."""

    state: str  # finished, running, interrupted, failed, in the way or to do
    epochs: int = 0
    reason: str | None = None  # why it failed, or what is in its way

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
    # Asked first: a run that another process begins meanwhile is in nobody's way.
    has_statistics = (run_dir / run_files.STATISTICS).exists()
    found = logged(run_dir)
    epochs = len(found["seconds"]) if found else 0
    differences = config.differences(found["params"]) if found else ""
    if differences:
        return Standing("in the way", reason=f"a run with {differences}")
    if found and found["end_time"] is not None:
        fault = record_fault(config, run_dir)
        if not fault:
            return Standing("finished", epochs)
        return _faulty(fault, run_dir, epochs)
    if has_statistics and not found:
        reason = f"{run_files.STATISTICS} cannot be read: move {run_dir} away"
        return Standing("in the way", reason=reason)
    if files.is_locked(run_dir):
        return Standing("running", epochs)
    if fault := statistics_fault(run_dir):
        return _faulty(fault, run_dir)
    reason = failures.reason(run_dir)
    if reason:
        return Standing("failed", epochs, reason)
    return Standing("interrupted" if epochs else "to do", epochs)


def _faulty(fault, run_dir, epochs=0):
    reason = f"{fault}: put it back, or move {run_dir} away"
    return Standing("in the way", epochs, reason)


def statistics_fault(run_dir):
    """What a finished run without its statistics is, in words; None where it has them.

    A run that was killed once its model was saved still has its checkpoints.
    """
    begun = [run_dir / name for name in (run_files.STATISTICS, run_files.CHECKPOINTS)]
    if any(path.exists() for path in begun) or not (run_dir / run_files.MODEL).exists():
        return None
    return f"a finished run whose {run_files.STATISTICS} is not there"


def record_fault(config, run_dir):
    """Why a finished run's config.json is not its own, in words; None where it is."""
    try:
        if not config.differences(read_record(run_dir)["config"]):
            return None
        what = "is of another run"
    except FileNotFoundError:
        what = "is not there"
    except (DamagedRecord, OSError):
        what = "cannot be read"
    return f"a finished run whose {run_files.CONFIG} {what}"


def epochs_logged(run_dir):
    """How many epochs the statistics of a run have; 0 where there are none."""
    found = logged(run_dir)
    return len(found["seconds"]) if found else 0


def logged(run_dir):
    """The statistics of a run, or None where there are none that can be read."""
    try:
        return reader.read_statistics(run_dir / run_files.STATISTICS)
    except reader.UnreadablePickle:
        return None
