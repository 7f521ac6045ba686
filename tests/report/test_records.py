"""What runs have recorded of their models: found, joined by images, and damaged."""

import pickle

import numpy as np
import pytest
from evaluation_records import record
from finished_runs import load, write_run
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.report import quality, records
from collaborative.report.image_answers import ImageAnswers


def test_records_are_read_where_they_are(tmp_path, paper):
    runs = paper
    config = ExperimentConfig("mnist")
    for name in ("with", "without"):
        logged_run(config, tmp_path / name, finished=True)
    (path,) = (tmp_path / "with").rglob("stats.pkl")
    content = pickle.loads(path.read_bytes()) | {"evaluation": record(0)}
    path.write_bytes(pickle.dumps(content))
    names = [str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob("stats.pkl")]
    rows = runs.iloc[:3].assign(run=[*names, "none"])
    found = records.load(rows, tmp_path, pytest.fail)
    assert [name.split("/")[0] for name in found] == ["with"]
    assert list(records.load(rows.assign(setting="epochs 2"), tmp_path)) == list(found)


def test_labels_are_those_of_any_run_with_the_same_images(tmp_path):
    labels, images = np.array([0, 1, 1, 0, 1, 0]), np.array([7, 3, 5, 9, 4, 2])
    own = [{"images": images, "labels": labels}, {"images": [4, 8, 3]}, {"images": [8]}]
    for seed, change in enumerate(own):
        given = record(seed)
        shown = {n: a[: len(change["images"])] for n, a in given["answers"].items()}
        write_run(
            tmp_path,
            ExperimentConfig("mnist", seed=seed),
            evaluation=given | {"answers": shown} | change,
        )
    runs, _ = load(tmp_path)
    found = list(records.load(runs, tmp_path, pytest.fail).values())
    assert [list(r["labels"]) for r in found] == [list(labels), [1, -1, 1], [-1]]
    answers = ImageAnswers.recorded(found[1], "ST")
    assert list(answers.table["label"]) == [1, records.UNKNOWN, 1]


def without(key):
    return lambda r: {k: v for k, v in r.items() if k != key}


def with_scores(name, **scores):
    def change(given):
        models = dict(given["models"])
        models[name] = models[name] | scores
        return given | {"models": models}

    return change


def with_answers(change):
    return lambda r: r | {"answers": r["answers"] | {"ST": change(r["answers"]["ST"])}}


UNFIT = "damaged: not what a run records"


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda r: "x", UNFIT),
        (lambda r: {}, "no 'class_names'"),
        (without("images"), "no 'images'"),
        (without("gain"), "no 'gain'"),
        (lambda r: r | {"gain": None}, UNFIT),
        (lambda r: r | {"models": {}}, "no 'ST'"),
        (lambda r: r | {"models": None}, UNFIT),
        (lambda r: r | {"class_names": []}, "damaged: no class names"),
        (lambda r: r | {"class_names": ["cat"]}, "damaged: confusion of ST"),
        (lambda r: r | {"class_names": ["cat", "cow"]}, "other classes than other"),
        (lambda r: r | {"images": np.arange(5)}, "damaged: answers of ST"),
        (lambda r: r | {"images": [[key] for key in r["images"]]}, "keys of images"),
        (lambda r: r | {"class_names": [["cat"], ["dog"]]}, "damaged: class names"),
        (lambda r: r | {"labels": [99] * len(r["images"])}, "damaged: labels"),
        (lambda r: r | {"labels": [0]}, "damaged: labels"),
        (with_answers(lambda given: np.full(len(given), 99)), "damaged: answers of ST"),
        (with_answers(lambda given: np.full(len(given), -1)), "damaged: answers of ST"),
        (with_answers(lambda given: ["cat"] * len(given)), "damaged: answers of ST"),
        (with_scores("M", nll="x"), "damaged: scores of M"),
        (with_scores("M", nll=None), "damaged: scores of M"),
        (with_scores("M", confusion=-np.ones((2, 2))), "damaged: confusion of M"),
        (lambda r: r | {"detection": {"ST": 1.0}}, "no 'M'"),
        (with_scores("M", nll=np.zeros(2)), "damaged: scores of M"),
        (with_scores("M", reliability=np.zeros(3)), "damaged: reliability of M"),
        (with_scores("M", confusion="x"), UNFIT),
    ],
)
def test_one_that_is_damaged_costs_only_itself(damage, message, tmp_path):
    for seed, change in ((1, dict), (2, damage)):
        config = ExperimentConfig("mnist", seed=seed)
        write_run(tmp_path, config, evaluation=change(record(seed)))
    runs, lines = load(tmp_path)
    found = records.load(runs, tmp_path, lines.append)
    assert [name[-6:] for name in found] == ["seed_1"]
    (line,) = lines
    assert "seed_2 recorded of its models" in line and message in line
    assert "\n" not in line
    assert len(quality.quality_tables(runs, found, "mnist")) == 2
