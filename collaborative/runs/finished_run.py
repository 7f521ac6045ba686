"""A finished run, read back from its directory: settings, classes, scores and data.

Importing this imports no TensorFlow, so that a wrong path is refused at once.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

from collaborative.experiments.checks import ConfigError
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import reader
from collaborative.system.errors import UserError


class UnusableRun(UserError):
    """A directory that is no finished run, or does not fit; one line for a person."""


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What `trainer.train` left in `run_dir`."""

    run_dir: pathlib.Path
    config: ExperimentConfig
    class_names: tuple[str, ...]
    record: dict  # all of config.json: sizes of the data, versions, revision, device

    @property
    def model_path(self):
        """The saved `EnsembleModel` or `SingleModel`; it loads with our code only."""
        return self.run_dir / "model.keras"

    @property
    def predictor_names(self):
        """What can be taken out: each member and, where there are several, all."""
        names = self.config.member_names
        return (*names, "ensemble") if len(names) > 1 else names

    def test_scores(self, name):
        """Scores of a member or "ensemble" on the test images at the end of training.

        Returns:
            Dict of plain values: `test_error` (a fraction) and `test_cost`; where the
            run has recorded them `nll`, `brier` and `ece` (`evaluation.scores`), of an
            ensemble `disagreement` and `gain` (`evaluation.evaluate`), and, where it
            was tried on another data set, `auroc` and the set's name, `foreign`.

        Raises:
            UnusableRun: where the statistics cannot be read.
        """
        try:
            statistics = reader.read_statistics(self.run_dir / "stats.pkl")
            curves = statistics["models"][name]
            scores = {k: float(curves[k][-1]) for k in ("test_error", "test_cost")}
            recorded = statistics.get("evaluation")
            return scores | (_beyond_the_error(recorded, name) if recorded else {})
        except (reader.UnreadablePickle, LookupError, TypeError) as error:
            raise UnusableRun(f"no scores of {name}: {error}") from error


def _beyond_the_error(recorded, name):
    """What `final_record` has of one predictor, without arrays."""
    scores = {k: recorded["models"][name][k] for k in ("nll", "brier", "ece")}
    if name == "ensemble":
        scores |= {k: recorded[k] for k in ("disagreement", "gain")}
    if "detection" in recorded:
        scores |= {"auroc": recorded["detection"][name], "foreign": recorded["foreign"]}
    return scores


def read(run_dir):
    """Reads the record of a finished run.

    Args:
        run_dir: the directory, which holds `config.json` and `model.keras`.

    Returns:
        A `FinishedRun`.

    Raises:
        UnusableRun: where there is no finished run, or its record is damaged.
    """
    run_dir = pathlib.Path(run_dir)
    for name in ("config.json", "model.keras"):
        if not (run_dir / name).is_file():
            raise UnusableRun(
                f"{run_dir} holds no finished run: there is no {name}; give a "
                "directory such as logs/digits/ST-M/L2_0.01/seed_912"
            )
    path = run_dir / "config.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        config = ExperimentConfig(**record["config"])
        class_names = tuple(map(str, record["class_names"]))
    except (ConfigError, ValueError, KeyError, TypeError) as error:
        raise UnusableRun(f"{path} is damaged ({error})") from error
    return FinishedRun(run_dir, config, class_names, record)


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
    found = {part: len(getattr(dataset, part)) for part in run.record["data"]}
    if found != run.record["data"] or dataset.class_names != run.class_names:
        raise UnusableRun(
            f"{run.config.dataset} is not as the run had it: it had "
            f"{run.record['data']} images of {len(run.class_names)} classes, here are "
            f"{found} of {dataset.num_classes}"
        )
    return dataset
