import pickle

import numpy as np
import pytest
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.grids import combinations
from collaborative.report import answer
from collaborative.runs import reader
from collaborative.training import evaluation

SWEEP = combinations(["digits"], ["L2", "Single"], [0.1, 0.01], [1, 2], epochs=3)


def finished(config, log_dir, test, validation=None, answers=None):
    """Writes what a finished run of the experiment would have logged.

    Args:
        test, validation: dicts from models to errors in %; of the second epoch, which
            the run has kept.
        answers: of ST, to images 0, 1, ...; None: not recorded.
    """
    nan, models = np.nan, {}
    for name, error in test.items():
        models[name] = {"test_error": np.array([nan, error / 100, nan])}
        if validation:
            values = np.array([0.9, validation[name] / 100, 0.9])
            models[name]["validation_error"] = values
    record = {}
    if answers:
        given, labels = np.array(answers), np.zeros(len(answers), int)
        logits = dict.fromkeys(("ST", "ensemble"), np.eye(2)[given])
        record["evaluation"] = evaluation.evaluate(logits, labels) | {
            "class_names": ["cat", "dog"],
            "answers": dict.fromkeys(logits, given),
            "images": np.arange(len(answers)),
        }
    logged_run(config, log_dir, 3, finished=True, models=models, **record)


@pytest.fixture
def swept(tmp_path):
    """Runs with two seeds: by hand, L2 0.01 is the best of ST, L2 0.1 of M."""
    errors = {  # (setting): test error of ST, M; validation error of ST, M
        ("L2", 0.1): ((20, 10), (21, 9)),
        ("L2", 0.01): ((18, 12), (17, 12)),
        ("Single", 0.0): ((25, 12), (24, 13)),
    }
    names = ("ST", "M")
    for config in SWEEP:
        test, validation = (
            {
                name: error + (config.seed == 2)
                for name, error in zip(names, pair, strict=True)
            }
            for pair in errors[config.method, config.alpha]
        )
        finished(config, tmp_path, test, validation)
    return tmp_path


def test_a_table_for_each_model_sorted_by_the_validation_error(swept):
    lines = answer.text(SWEEP, swept).splitlines()
    assert lines[0] == "digits: errors in %, the mean of 2 seeds"
    assert [line.split()[:-1] for line in (lines[1], lines[5])] == [
        [name, "validation", "test", "minus"] for name in ("ST", "M")
    ]
    assert [line[:10].rstrip() for line in lines[2:5] + lines[6:9]] == [
        "* L2 0.01", "  L2 0.1", "  Single", "* L2 0.1", "  L2 0.01", "  Single",
    ]  # fmt: skip
    # Of differences that no seed changed nothing is known but what they are.
    assert lines[2].endswith(" 17.50  18.50         -7.00")
    assert lines[7].endswith(" 12.50  12.50         +0.00")
    assert lines[4].split()[1:] == ["24.50", "25.50"]
    assert lines[9].startswith("* lowest, and sorted by, the validation error")
    assert "paired by seed" in lines[10] and len(lines) == 12
    assert all(len(line) <= 88 for line in lines)


def test_without_validation_the_test_error_sorts_and_is_said_to_flatter(tmp_path):
    for config in SWEEP:
        error = {"L2": 10, "Single": 12}[config.method]
        finished(config, tmp_path, {"ST": error + config.alpha})
    text = answer.text(SWEEP, tmp_path)
    assert text.splitlines()[1].split() == ["ST", "test", "minus", "Single"]
    assert text.splitlines()[2].startswith("* L2 0.01 ")
    assert "the test error, which flatters the lowest of many:\n" in text


def test_of_one_seed_the_test_images_say_what_is_open(tmp_path):
    one = [config for config in SWEEP if config.seed == 1 and config.alpha != 0.1]
    for config in one:
        differing = [1, 1, 0, 0] if config.method == "L2" else [0, 0, 0, 0]
        finished(config, tmp_path, {"ST": 50}, answers=differing * 25)
    text = answer.text(one, tmp_path)
    # Half of 100 images changed: 1.96 * sqrt(0.5 / 100), in points.
    assert "+0.00 ± 13.86  open" in text
    assert "of one seed, ± is what its test images leave open" in text
    assert text.startswith("digits: errors in %, one seed\n")


def test_of_one_seed_beside_others_seeds_say_what_is_open(tmp_path):
    """What varies is known from the settings that have both."""
    for place, config in enumerate(SWEEP):
        if (config.alpha, config.seed) != (0.1, 2):
            finished(config, tmp_path, {"ST": 20 + place**2})
    text = answer.text(SWEEP, tmp_path)
    assert "paired by seed" in text
    assert "what its test images leave open" not in text


@pytest.mark.parametrize(
    "name, value, fault",
    [
        ("images", [0], "damaged: answers of ST"),
        ("images", None, "damaged: not what a run records"),
        ("class_names", ["dog", "cat"], "other classes than other runs"),
    ],
)
def test_a_damaged_record_costs_its_interval_and_is_named(name, value, fault, tmp_path):
    one = [config for config in SWEEP if config.seed == 1 and config.alpha != 0.1]
    for config in one:
        finished(config, tmp_path, {"ST": 50}, answers=[0, 1] * 50)
    path = one[-1].run_dir(tmp_path) / "stats.pkl"
    content = pickle.loads(path.read_bytes())
    content["evaluation"][name] = value
    path.write_bytes(pickle.dumps(content))
    lines = answer.text(one, tmp_path).splitlines()
    assert any(line.endswith("+0.00") for line in lines)
    named = f"left out what Single, seed 1 recorded of its models: {fault}"
    assert named in lines
    assert not any("±" in line for line in lines)


@pytest.mark.parametrize("curves", [{}, {"test_error": np.full(3, np.nan)}])
def test_a_run_without_test_errors_is_left_out(curves, tmp_path):
    for config in SWEEP[:2]:
        finished(config, tmp_path, {"ST": 50})
    logged_run(SWEEP[2], tmp_path, 3, finished=True, models={"ST": curves})
    assert "L2 0.01" not in answer.text(SWEEP[:3], tmp_path)
    with pytest.raises(reader.UnreadablePickle, match="without ST's test error"):
        reader.read_statistics(SWEEP[2].run_dir(tmp_path) / "stats.pkl")


def test_what_is_not_finished_is_left_out_and_seeds_are_counted(tmp_path):
    for config in SWEEP[:3]:
        finished(config, tmp_path, {"ST": 10})
    logged_run(SWEEP[4], tmp_path, 2)
    lines = answer.text(SWEEP, tmp_path).splitlines()
    assert lines[0] == "digits: errors in %, the mean of 2 seeds at most"
    assert [line.split()[-1] for line in lines[1:4]] == ["seeds", "2", "1"]
    assert "Single" not in lines[2] + lines[3]
    assert lines[-2].startswith("what collaboration gains is not told: no Single")
    assert answer.text(SWEEP[3:], tmp_path) == ""


def test_arms_are_compared_with_their_own_control_and_named_by_what_differs(tmp_path):
    noisy = [
        ExperimentConfig("digits", method=method, label_noise=noise, seed=seed)
        for noise in (0.0, 0.2)
        for method in ("Single", "L2")
        for seed in (1, 2)
    ]
    for config in noisy:
        error = 10 + 100 * config.label_noise - 2 * (config.method == "L2")
        finished(config, tmp_path, {"ST": error + config.seed})
    text = answer.text(noisy, tmp_path)
    for name in ("L2 0.01", "L2 0.01, label_noise 0.2"):
        (line,) = [one for one in text.splitlines() if one[2:].startswith(f"{name}  ")]
        assert line.rstrip().endswith(" -2.00")


def test_each_data_set_has_its_own(tmp_path):
    configs = combinations(["digits", "mnist"], ["L2"], [0.1], [1])
    for config in configs:
        finished(config, tmp_path, {"ST": 10})
    text = answer.text(configs, tmp_path)
    headings = [line for line in text.splitlines() if "errors in %" in line]
    assert [line.partition(":")[0] for line in headings] == ["digits", "mnist"]
    assert text.count("flatters") == 1
