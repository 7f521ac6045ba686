"""How far experiments are, and what the rest of them will take.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import collections
import pathlib
import re
import statistics

from collaborative import datasets
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.paper_settings import PRECISIONS
from collaborative.experiments.setting import ConfigError
from collaborative.runs import gpus, origin_record, space
from collaborative.runs.run import DamagedRecord, read_record
from collaborative.runs.standings import logged, standing
from collaborative.system import processor, run_files
from collaborative.system.words import counted


class Estimator:
    """Estimates what experiments take, from what the runs in a directory took.

    Times are those of this machine: a run that was made on another says nothing of
    them. One that names no device counts.
    """

    def __init__(self, log_dir):
        self._seconds = collections.defaultdict(list)  # of epochs, by kind
        self._bytes = {}  # of finished models, by kind
        here = (*gpus.product_names(), processor.name())
        anywhere = "*/" * run_files.DEPTH + run_files.STATISTICS
        for path in pathlib.Path(log_dir).glob(anywhere):
            found = logged(path.parent)
            if found and len(found.get("seconds", ())):
                kind = workload_of(found["params"])
                if _was_made_on(path.parent, here):
                    self._seconds[kind].append(statistics.median(found["seconds"]))
                model = path.with_name(run_files.MODEL)
                if model.exists():
                    self._bytes[kind] = model.stat().st_size

    def epoch_seconds(self, config):
        """Seconds an epoch is expected to take, or None where nothing tells."""
        kinds = _kinds(config)
        known = [seconds for kind in kinds for seconds in self._seconds.get(kind, ())]
        if known:
            return statistics.median(known)
        if config.members == ("ST", "M") and not config.truncate:
            return datasets.spec(config.dataset).epoch_seconds
        return None

    def run_bytes(self, config):
        """Bytes that a run takes on the disk while it runs; a guess if unknown."""
        known = [self._bytes[kind] for kind in _kinds(config) if kind in self._bytes]
        return space.needed(max(known), config.epochs) if known else space.ASSUMED


def _was_made_on(run_dir, names):
    """Whether a run was made on a device of these names, as far as its record says.

    One that was begun on another was not: its epochs took the times of both.
    """
    try:
        parts = origin_record.parts(read_record(run_dir))
    except (DamagedRecord, OSError):
        return True
    devices = {f"{part['device']}," for part in parts if part.get("device")}
    return all(any(d.startswith(f"{name},") for name in names) for d in devices)


def _kinds(config):
    """Its `workload_of`; with precision "auto" one for each that it may become."""
    precisions = PRECISIONS if config.precision == "auto" else (config.precision,)
    settings = config.to_json()
    return [workload_of(settings | {"precision": one}) for one in precisions]


def workload_of(settings):
    """What the time and the room of an experiment depend on most: hashable.

    Args:
        settings: dict of them, as `ExperimentConfig.to_json` gives it.
    """
    names = ("dataset", "image_size", "color_mode", "precision", "truncate")
    names += ("validation", "batch_size", "labeled", "unlabeled", "unlabeled_ratio")
    names += ("unlabeled_steps",)
    # A run of before a setting was there had its default.
    values = [settings.get(name, getattr(ExperimentConfig, name)) for name in names]
    return (*values, tuple(settings.get("members", ())))


def plan(configs, log_dir, jobs, questions=None):
    """What a sweep would do, as text: each experiment, how it stands, and the time.

    Args:
        configs: the `ExperimentConfig`s.
        log_dir: directory of all logs.
        jobs: how many run side by side.
        questions: dict from some of them to what they are to answer, or None.
    """
    estimator = Estimator(log_dir)
    lines, total, running, unknown, question = [], 0.0, 0, 0, None
    states = collections.Counter()
    for config in configs:
        if questions and questions.get(config) != question:
            question = questions.get(config)
            lines.append(question or "")
        stands = standing(config, log_dir)
        states[stands.state] += 1
        left = left_of(config, stands)
        seconds = estimator.epoch_seconds(config)
        running += bool(left)
        unknown += bool(left) and seconds is None
        total += left * (seconds or 0)
        need = f"about {duration(left * seconds)}" if left and seconds else ""
        lines.append(f"{name_of(config):45}  {need:>15}  {stands}")
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    lines.append(f"{counted(len(configs), 'experiment')}: {counts}")
    jobs = min(jobs, max(running, 1))
    lines.append(_time_left(total / jobs, jobs, unknown))
    return "\n".join(lines)


def _time_left(seconds, jobs, unknown):
    """The line on the time that is left, where that of `unknown` ones is not known."""
    if unknown and not seconds:
        return "time left: not known before an epoch of each kind has been trained"
    line = f"time left with {jobs} at a time: about {duration(seconds)}"
    if unknown:
        line += (
            f", without {counted(unknown, 'experiment')} of which nothing is known yet"
        )
    return line


def left_of(config, stands):
    """How many epochs a sweep still has to do of an experiment, by its `Standing`."""
    return max(0, config.epochs - stands.epochs) if stands.is_to_run else 0


def left(configs, log_dir, jobs):
    """What a sweep that has ended has left to do, as text; "" where that is nothing.

    Args:
        configs, log_dir, jobs: as for `plan`.

    Returns:
        E.g. "left: 12 experiments, 9 of which take about 20 min".
    """
    estimator = Estimator(log_dir)
    epochs = {c: left_of(c, standing(c, log_dir)) for c in configs}
    open_ones = [config for config in configs if epochs[config]]
    if not open_ones:
        return ""
    known = [c for c in open_ones if estimator.epoch_seconds(c) is not None]
    seconds = sum(epochs[c] * estimator.epoch_seconds(c) for c in known)
    seconds /= min(jobs, len(open_ones))
    text = f"left: {counted(len(open_ones), 'experiment')}"
    if not known:
        return text
    of_which = f", {len(known)} of which" if len(known) < len(open_ones) else ", which"
    verb = "takes" if len(known) == 1 else "take"
    return f"{text}{of_which} {verb} about {duration(seconds)}"


def seconds_of(text):
    """The seconds of a time such as 8h, 90m or 1.5h.

    Raises:
        ConfigError: for what is none, or not above 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0
    if not seconds:
        raise ConfigError(
            f"limit must be a time above 0 such as 8h, 90m or 1.5h, got {text!r}"
        )
    return seconds


def duration(seconds):
    """Seconds as text, e.g. "3 h 05 min"."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"


def name_of(config):
    """The directory of an experiment below that of all logs, as its name."""
    return "/".join(config.run_dir("").parts)
