"""Arms of studies that are chosen on validation images, also on wrong labels."""

import re

import numpy as np
import pytest
from finished_runs import load, synthetic_curves, write_run

from collaborative.experiments import studies
from collaborative.report import page
from collaborative.report.studies import findings, results

VALIDATED = {"dataset": "digits", "truncate": 800, "validation": 400, "epochs": 3}
CANDIDATES = {  # of L2 in the study of distillation: validation and test error in %
    "alpha 0.001": (9.0, 5.0),
    "alpha 0.01": (8.0, 7.0),
    "alpha 0.1": (8.5, 6.0),
}


@pytest.fixture
def distillation(tmp_path):
    """Runs of the arms L2, with its candidates, and Single."""
    arms = studies.STUDIES["distillation"].configs(**VALIDATED)
    for candidate, (validation, test) in CANDIDATES.items():
        write_validated(tmp_path, arms["L2"][candidate], validation, test)
    write_validated(tmp_path, arms["Single"][""], 9.0, 8.0)
    return tmp_path


def write_validated(log_dir, configs, validation, test):
    for config in configs:
        models = synthetic_curves(config, 0.5)
        for curves in models.values():
            curves["validation_error"] = np.full(config.epochs, validation / 100)
            curves["test_error"] = np.full(config.epochs, np.nan)
            curves["test_error"][-1] = (test + config.seed - 912) / 100
        write_run(log_dir, config, models)


def test_validation_images_choose_and_test_images_do_not(distillation):
    (finding,) = findings.findings(load(distillation)[0], {})
    assert finding.chosen("L2") == "alpha 0.01"
    assert finding.chosen("Single") == ""
    assert finding.errors["L2", "ST"].tolist() == pytest.approx([7, 8, 9])
    difference = finding.differences[("Single", "L2", "ST")]
    assert (difference.mean, difference.below) == (pytest.approx(1), False)
    table = results.table(finding)
    assert table.rows[0][0].text == "L2 (alpha 0.01)"
    assert "digits, 400 images" in table.caption
    choices = results.choices_table(finding)
    assert [[cell.text for cell in row] for row in choices.rows] == [
        ["L2", "alpha 0.001", "9.00"],
        ["L2", "alpha 0.01", "8.00"],
        ["L2", "alpha 0.1", "8.50"],
    ]
    assert [row[1].bold for row in choices.rows] == [False, True, False]


def test_nothing_is_chosen_before_all_candidates_are_there(distillation):
    runs = load(distillation)[0]
    runs = runs[runs["alpha"] != 0.1]
    assert findings.findings(runs, {}) == []


def test_what_was_chosen_is_in_the_report(distillation, tmp_path):
    runs = load(distillation)[0]
    path = page.write(runs, tmp_path / "report", latency=False)
    shown = path.read_text(encoding="utf-8")
    assert "what was chosen on validation images" in shown
    text = (tmp_path / "report" / "studies.md").read_text(encoding="utf-8")
    assert "| **L2** | **alpha 0.01** | **8.00** |" in text
    # A number of an arm leads to its first run, which the page has.
    anchors = re.findall(r'<a href="#(run-[^"]*)"><span class="value">', shown)
    assert anchors and all(f'<tr id="{anchor}"' in shown for anchor in anchors)


# Of KL's weights, 20 % wrong: validation error with right and wrong labels, test error.
WEIGHTS = {
    "alpha 1": (9.0, 27.0, 8.5),
    "alpha 3": (8.0, 26.5, 8.0),
    "alpha 9": (8.5, 26.0, 8.25),
}


def test_what_noisy_validation_images_would_choose_stands_beside_it(tmp_path):
    settings = VALIDATED | {"truncate": 800, "validation": 400}
    arms = studies.STUDIES["wrong_labels"].configs((912, 913), **settings)
    tried = {"": (9.0, 27.0, 10.0)}
    for arm, errors in (("Single", tried), ("KL", WEIGHTS)):
        for candidate, (clean, noisy, test) in errors.items():
            write_noisy(
                tmp_path, arms[f"{arm}, 20% wrong"][candidate], clean, noisy, test
            )
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.chosen("KL, 20% wrong") == "alpha 3"
    assert finding.difference("KL, 20% wrong", "M").mean == pytest.approx(-2)
    table = results.choices_table(finding)
    assert table.header[2:] == (
        "validation error %", "with wrong labels", "test error %"
    )  # fmt: skip
    assert "400 validation images with right labels" in table.caption
    shown = [[(c.text, c.bold) for c in row[1:]] for row in table.rows]
    assert shown == [
        [("alpha 1", False), ("9.00", False), ("27.00", False), ("9.00", False)],
        [("alpha 3", True), ("8.00", True), ("26.50", False), ("8.50", False)],
        [("alpha 9", False), ("8.50", False), ("26.00", True), ("8.75", False)],
    ]


def write_noisy(log_dir, configs, clean, noisy, test):
    for config in configs:
        models = synthetic_curves(config, 0.5)
        for curves in models.values():
            curves["validation_error"] = np.full(config.epochs, clean / 100)
            for name, error in (("noisy_validation", noisy), ("test", test)):
                curves[f"{name}_error"] = np.full(config.epochs, np.nan)
                curves[f"{name}_error"][-1] = error / 100
            curves["test_error"][-1] += (config.seed - 912) / 100
        write_run(log_dir, config, models)
