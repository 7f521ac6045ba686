"""What a person may have meant instead of a new run: the runs that stand beside it.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

from collaborative.experiments.settings import IMMATERIAL, SETTINGS
from collaborative.runs import run, standings
from collaborative.system import run_files
from collaborative.system.words import counted


def notes(config, run_dir):
    """What to say where a new run begins.

    Args:
        config: the `ExperimentConfig` of the new run.
        run_dir: its directory, with those beside it in the same directory of all logs.

    Returns:
        List of lines: one for each run that differs in one setting and was interrupted,
        and for each that is finished after fewer epochs.
    """
    said = []
    for path in sorted(run_dir.parents[1].glob(f"*/{run_dir.name}")):
        try:
            other = run.config_of(run.read_record(path))
        except (OSError, run.DamagedRecord):
            continue
        changes = config.changes(other, IMMATERIAL)
        if len(changes) != 1 or SETTINGS[next(iter(changes))].level:
            continue
        (name,) = changes
        stands = standings.standing(other, run_dir.parents[run_files.DEPTH - 1])
        if stands.state in ("interrupted", "failed") and stands.epochs:
            said.append(
                f"begins anew: {path} stopped after {stands.epochs} of {other.epochs} "
                f"epochs and goes on with its own {name} alone, "
                f"{getattr(other, name)!r}, not {changes[name]!r}"
            )
        elif stands.is_finished and changes.get("epochs", 0) - other.epochs > 0:
            said.append(
                f"begins anew: {path} is finished after "
                f"{counted(other.epochs, 'epoch')}, and its learning rates ended with "
                f"them; --init_from {path} starts from its weights"
            )
    return said
