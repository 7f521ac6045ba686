"""One run: what its directory says of it (the names are in `system.run_files`).

Its record (`config.json`), and what it left when it was finished; `standings` says how
far it is. Importing this imports no TensorFlow: a wrong path is refused at once.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.runs import code_record, data_record, origin_record, reader
from collaborative.system import files, run_files
from collaborative.system.errors import UserError

LARGEST_RECORD = 2**20  # bytes


class DamagedRecord(UserError):
    """A `config.json` that is none of ours; the message is the reason alone.

    Attributes:
        what: words for what has happened to it, after the file's name.
    """

    what = "is damaged"


class UnknownSetting(DamagedRecord):
    """A whole one with a setting that cannot be here, as without a run's plugin."""

    what = "has a setting that is not known here"


def write_record(run_dir, config, dataset, surroundings, epochs=0):
    """Writes `config.json`: the settings, and what they run with and on.

    Args:
        run_dir: directory of the run.
        config: an `ExperimentConfig`.
        dataset: the `Dataset`, of which `data_record` says what is recorded; of code
            and model files `code_record` does, of the rest `origin_record`.
        surroundings: what `environment.describe` gives.
        epochs: how many are done, of a run that goes on.
    """
    origin = surroundings | code_record.describe(config)
    content = {"config": config.to_json()} | data_record.describe(dataset) | origin
    content["earlier"] = _earlier(run_dir, origin, epochs) if epochs else []
    with files.replacing(run_dir / run_files.CONFIG) as path:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _earlier(run_dir, origin, epochs):
    try:
        return origin_record.earlier(read_record(run_dir), origin, epochs)
    except FileNotFoundError:  # nothing is known of what made them
        return [{"epochs": epochs}]


def read_record(run_dir):
    """Reads `config.json`: a dict, whose "config" is a dict of settings.

    Raises:
        DamagedRecord: for a file that holds something else.
        OSError: where it cannot be read.
    """
    path = pathlib.Path(run_dir, run_files.CONFIG)
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise ValueError("it is too large")
        record = files.read_json(path)
        record = record | {"config": dict(record["config"])}
        data_record.check(record)
        origin_record.check(record)
        return record
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRecord(str(error).partition("\n")[0]) from error


def config_of(record):
    """The `ExperimentConfig` of a record.

    Raises:
        DamagedRecord: where its settings cannot be.
    """
    try:
        return ExperimentConfig(**record["config"])
    except ConfigError as error:
        raise UnknownSetting(str(error).partition("\n")[0]) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRecord(str(error).partition("\n")[0]) from error


class UnusableRun(UserError):
    """A directory that is no finished run, or does not fit; one line for a person."""


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What `training.train` left in `run_dir`."""

    run_dir: pathlib.Path
    config: ExperimentConfig
    class_names: tuple[str, ...]
    record: dict  # all of config.json: sizes of the data, versions, revision, device

    @property
    def model_path(self):
        """The saved `EnsembleModel` or `SingleModel`; it loads with our code only."""
        return self.run_dir / run_files.MODEL

    @property
    def predictor_names(self):
        """What can be taken out: each member and, where there are several, all."""
        names = self.config.member_names
        return (*names, "ensemble") if len(names) > 1 else names

    def test_scores(self, name):
        """Scores of a member or "ensemble" on the test images at the end of training.

        Returns:
            Dict of plain values: `test_error` (a fraction) and `test_cost`; where the
            run has recorded them `nll`, `brier` and `ece` (`evaluation.scores`), and
            `balanced_error` where classes are unequal (`reader`); of an ensemble
            `disagreement` and `gain` (`evaluation.evaluate`), and, where it was tried
            on another data set, `auroc` and the set's name, `foreign`.

        Raises:
            UnusableRun: where the statistics cannot be read.
        """
        path = self.run_dir / run_files.STATISTICS
        try:
            statistics = reader.read_statistics(path)
            if self.config.differences(statistics["params"]):
                raise UnusableRun(f"{path} is of another run: put its own back")
            curves = statistics["models"][name]
            kept = reader.kept_epoch(curves) - 1
            scores = {k: float(curves[k][kept]) for k in ("test_error", "test_cost")}
            recorded = statistics.get("evaluation")
            return scores | (_beyond_the_error(recorded, name) if recorded else {})
        except (reader.UnreadablePickle, LookupError, TypeError) as error:
            raise UnusableRun(
                f"no scores of {name}: {error}; put it back, or train the run again"
            ) from error


def _beyond_the_error(recorded, name):
    """What `final_record` has of one predictor, without arrays."""
    scores = {k: recorded["models"][name][k] for k in ("nll", "brier", "ece")}
    if reader.has_unequal_classes(recorded):
        scores["balanced_error"] = recorded["models"][name]["balanced_error"]
    if name == "ensemble":
        scores |= {k: recorded[k] for k in ("disagreement", "gain")}
    if "detection" in recorded:
        scores |= {"auroc": recorded["detection"][name], "foreign": recorded["foreign"]}
    return scores


def read_finished(run_dir):
    """Reads the record of a finished run.

    Args:
        run_dir: the directory, which holds `config.json` and `model.keras`.

    Returns:
        A `FinishedRun`.

    Raises:
        UnusableRun: where there is no finished run, or its record is damaged.
    """
    run_dir = pathlib.Path(run_dir)
    for name in (run_files.CONFIG, run_files.MODEL):
        if not (run_dir / name).is_file():
            advice = "give a directory such as logs/digits/ST-M/L2_0.01/seed_912"
            if (run_dir / run_files.STATISTICS).is_file():
                advice = "train it to its end; one that was finished with --overwrite"
            raise UnusableRun(
                f"{run_dir} holds no finished run: there is no {name}; {advice}"
            )
    try:
        record = read_record(run_dir)
        config = config_of(record)
        class_names = tuple(map(str, record["class_names"]))
    except (DamagedRecord, KeyError, TypeError) as error:
        path = run_dir / run_files.CONFIG
        what = getattr(error, "what", DamagedRecord.what)
        raise UnusableRun(f"{path} {what} ({error})") from error
    return FinishedRun(run_dir, config, class_names, record)


def read_start(run_dir, member_names):
    """Reads the record of a run that members of another are to start from.

    Args:
        run_dir: its directory.
        member_names: of the members that start.

    Returns:
        A `FinishedRun`.

    Raises:
        UnusableRun: as `read_finished`, or where it has not all of these members.
    """
    found = read_finished(run_dir)
    known = found.config.member_names
    lacking = [name for name in member_names if name not in known]
    if lacking:
        raise UnusableRun(
            f"{run_dir} cannot be started from: no member {lacking[0]!r}: the members "
            f"are {', '.join(known)}"
        )
    return found


def load_data(run, data_dir=None, manual_dir=None):
    """Loads the data set of a run again, split as it was.

    Args:
        run: a `FinishedRun`.
        data_dir: of prepared sets; None is that of TensorFlow Datasets.
        manual_dir: of archives that were got by hand.

    Returns:
        A `datasets.Dataset`.

    Raises:
        datasets.DatasetError: where the set is not there.
        UnusableRun: where it is not the one that the run had.
    """
    dataset = run.config.load_dataset(data_dir=data_dir, manual_dir=manual_dir)
    differences = data_record.differences(run.record, dataset)
    if differences:
        raise UnusableRun(
            f"{dataset.name} is not as the run had it: {differences}; put it back, or "
            "train on it as it is now"
        )
    return dataset
