"""What keeps an experiment from its directory: another run, lost or damaged files."""

from __future__ import annotations

from collaborative.experiments.settings import IMMATERIAL
from collaborative.nn import checkpoint
from collaborative.runs import reader, run
from collaborative.system import run_files


def examined(config, run_dir):
    """What the directory of an experiment has logged, and what keeps it from there.

    Args:
        config: its `ExperimentConfig`.
        run_dir: its directory, which need not exist.

    Returns:
        (statistics, obstacle): what `stats.pkl` holds, None where it cannot be read;
        and what is in the way and what to do, in words which can go on with ", or …",
        e.g. "a run with jit 'auto', not 'on': use --jit auto or another --log_dir".
        None where the experiment is finished, or can begin or go on.
    """
    statistics, path = None, run_dir / run_files.CONFIG
    try:
        statistics = _statistics(run_dir)
        record = _record(run_dir)
        obstacle = (
            _of_another(config, settings_in(run_dir, statistics, record))
            or _without_record(statistics, record)
            or _without_statistics(run_dir)
            or _in_a_folder_s_place(run_dir)
        )
    except reader.UnreadablePickle as error:
        obstacle = f"a run that cannot be read: {error}: put a whole one back"
    except run.DamagedRecord as error:
        what = f"{path} {error.what} ({error})"
        obstacle = f"a run that cannot be read: {what}: put a whole one back"
    except OSError as error:
        obstacle = f"a run that cannot be read: {path}: {error.strerror}: mend that"
    return statistics, obstacle


def settings_in(run_dir, statistics, record):
    """The settings that each file of a run has, by its name."""
    found = {run_files.STATISTICS: statistics["params"]} if statistics else {}
    found |= {run_files.CONFIG: record["config"]} if record else {}
    kept = checkpoint.settings(run_dir / run_files.CHECKPOINTS)
    return found | {f"{path.parent.name}/{path.name}": s for path, s in kept.items()}


def _of_another(config, settings):
    told = {name: config.differences(held) for name, held in settings.items()}
    other = [name for name, differences in told.items() if differences]
    if not other:
        return None
    if len(other) < len(told):
        return f"a run whose {other[0]} is of another: put its own back"
    differing = told[other[0]]
    words = "; ".join(
        f"{name} {theirs!r}, not {own!r}" for name, (theirs, own) in differing.items()
    )
    return f"a run with {words}: use {_flags(differing)}another --log_dir"


def _flags(differing):
    """What to run it with, and " or "; "" where its directory should be another."""
    if not set(differing) <= set(IMMATERIAL):
        return ""
    flags = (f"--{name} {theirs}" for name, (theirs, _) in differing.items())
    return f"{' '.join(flags)} or "


def _without_record(statistics, record):
    if statistics and statistics["end_time"] is not None and not record:
        return f"a finished run whose {run_files.CONFIG} is not there: put it back"
    return None


def _without_statistics(run_dir):
    # A run that was killed once its model was saved still has its checkpoints.
    begun = [run_dir / name for name in (run_files.STATISTICS, run_files.CHECKPOINTS)]
    if any(path.exists() for path in begun) or not (run_dir / run_files.MODEL).exists():
        return None
    return f"a finished run whose {run_files.STATISTICS} is not there: put it back"


def _in_a_folder_s_place(run_dir):
    for path in (run_dir / run_files.CHECKPOINTS, run_dir / run_files.TENSORBOARD):
        if path.exists() and not path.is_dir():
            return f"a file where a directory goes, {path}: move it away"
    return None


def _statistics(run_dir):
    path = run_dir / run_files.STATISTICS
    # Asked first: a run that another process begins meanwhile is in nobody's way.
    return reader.read_statistics(path) if path.exists() else None


def _record(run_dir):
    try:
        return run.read_record(run_dir)
    except FileNotFoundError:
        return None
