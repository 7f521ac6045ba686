"""How far experiments are, and what the rest of them will take.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import collections
import pathlib
import statistics

from collaborative import datasets
from collaborative.runs import space
from collaborative.runs.run import logged, standing
from collaborative.system import run_files


class Estimator:
    """Estimates what experiments take, from what the runs in a directory took."""

    def __init__(self, log_dir):
        self._seconds = collections.defaultdict(list)  # of epochs, by kind
        self._bytes = {}  # of finished models, by kind
        for path in pathlib.Path(log_dir).glob(f"*/*/*/*/{run_files.STATISTICS}"):
            found = logged(path.parent)
            if found and len(found["seconds"]):
                kind = kind_of(found["params"])
                self._seconds[kind].append(float(statistics.median(found["seconds"])))
                model = path.with_name(run_files.MODEL)
                if model.exists():
                    self._bytes[kind] = model.stat().st_size

    def epoch_seconds(self, config):
        """Seconds an epoch is expected to take, or None where nothing tells."""
        known = self._seconds.get(kind_of(config.to_json()))
        if known:
            return statistics.median(known)
        if config.members == ("ST", "M") and not config.truncate:
            return datasets.spec(config.dataset).epoch_seconds
        return None

    def run_bytes(self, config):
        """Bytes that a run takes on the disk while it runs; a guess if unknown."""
        model = self._bytes.get(kind_of(config.to_json()))
        return space.needed(model, config.epochs) if model else space.ASSUMED


def kind_of(settings):
    """What the time and the room of an experiment depend on most: hashable.

    Args:
        settings: dict of them, as `ExperimentConfig.to_json` gives it.
    """
    names = ("dataset", "image_size", "color_mode", "precision", "truncate")
    names += ("validation", "batch_size")
    values = [settings.get(name) for name in names]
    return (*values, tuple(settings.get("members", ())))


def plan(configs, log_dir, jobs):
    """What a sweep would do, as text: each experiment, how it stands, and the time.

    Args:
        configs: the `ExperimentConfig`s.
        log_dir: directory of all logs.
        jobs: how many run side by side.
    """
    estimator = Estimator(log_dir)
    lines, total, unknown = [], 0.0, 0
    states = collections.Counter()
    for config in configs:
        stands = standing(config, log_dir)
        states[stands.state] += 1
        left = 0 if stands.state == "finished" else config.epochs - stands.epochs
        seconds = estimator.epoch_seconds(config)
        unknown += bool(left) and seconds is None
        total += left * (seconds or 0)
        need = f"about {duration(left * seconds)}" if left and seconds else ""
        lines.append(f"{name_of(config):45}  {need:>15}  {stands}")
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    lines.append(f"{len(configs)} experiments: {counts}")
    lines.append(f"time left with {jobs} at a time: about {duration(total / jobs)}")
    if unknown:
        lines[-1] += f", without {unknown} experiments of which nothing is known yet"
    return "\n".join(lines)


def duration(seconds):
    """Seconds as text, e.g. "3 h 05 min"."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"


def name_of(config):
    """The directory of an experiment below that of all logs, as its name."""
    return "/".join(config.run_dir("").parts)
