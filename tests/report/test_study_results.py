"""What the studies found: differences, tables, answers, and what is none."""

import copy
import dataclasses
import html

import numpy as np
import pytest
from finished_runs import load, synthetic_curves, write_arm, write_run

from collaborative.experiments import cifar10_studies, studies
from collaborative.experiments.config import ExperimentConfig
from collaborative.report import page
from collaborative.report.studies import caveats, findings, overview, results

SMALL = {"dataset": "digits", "truncate": 0, "epochs": 3}
# Test errors in % of the ensemble by arm and seed.
ERRORS = {
    "Single, 0% wrong": (10.0, 12.0, 11.0),
    "L2 0.01, 0% wrong": (8.0, 10.1, 8.9),
    "Single, 20% wrong": (20.0, 22.0, 21.0),
    "L2 0.01, 20% wrong": (20.2, 21.9, 21.1),
}


@pytest.fixture
def noise(tmp_path):
    """Runs of two thirds of the study of wrong labels."""
    arms = studies.STUDIES["noise"].configs(**SMALL)
    for arm, errors in ERRORS.items():
        write_arm(tmp_path, arms[arm][""], errors)
    return load(tmp_path)[0]


def test_differences_are_paired_by_seed(noise):
    (finding,) = findings.findings(noise, {})
    assert (finding.name, finding.missing) == ("noise", 6)
    assert finding.base["dataset"] == "digits"
    clear = finding.differences[("L2 0.01, 0% wrong", "Single, 0% wrong", "ensemble")]
    assert clear.mean == pytest.approx(-2.0)
    # The rest of all four arms; Student's 97.5 % quantile for 6 degrees is 2.4469.
    values = np.array(list(ERRORS.values()))
    rest = values - values.mean(axis=1, keepdims=True)
    variance = np.sum((rest - rest.mean(axis=0)) ** 2) / 6
    assert clear.half_width == pytest.approx(2.4469 * np.sqrt(variance * 2 / 3), 1e-4)
    assert clear.below is True
    open_one = finding.differences[
        ("L2 0.01, 20% wrong", "Single, 20% wrong", "ensemble")
    ]
    assert open_one.mean == pytest.approx(0.2 / 3) and open_one.below is None


def test_table_and_answer_say_the_numbers(noise):
    (finding,) = findings.findings(noise, {})
    table = results.table(finding)
    assert table.header == (
        "arm", "ST %", "difference", "M %", "difference", "Ens %", "difference", "from"
    )  # fmt: skip
    by_arm = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert set(by_arm) == set(ERRORS)
    assert by_arm["Single, 0% wrong"][4:] == ["11.00 ± 2.48", "-", ""]
    assert by_arm["L2 0.01, 0% wrong"][5] == "-2.00 ± 0.20 (p < 1e-05, n = 3)"
    assert by_arm["L2 0.01, 0% wrong"][0].startswith("12.00")  # ST: 9 + 3
    assert "digits, all images, 3 epochs, 3 seeds" in table.caption
    text = results.answer(finding)
    assert text.startswith(
        "ST makes 2.00 ± 0.20 points fewer errors with “L2 0.01, 0% wrong” than"
    )
    assert "Clear: 3 of 6 comparisons; the others" in text
    assert text.endswith("of at most 0.07 points, the seeds leave open.")
    assert text.count(". ") == 1  # two sentences


def test_the_studies_at_a_glance(noise):
    found = findings.findings(noise, {})
    table = overview.table([*found, *found])  # as at another size
    study, question, expected, run_on, came_out, sure = (c.text for c in table.rows[0])
    assert (study, expected) == ("noise", "-") and "incorrect labels" in question
    assert run_on == "digits, all images, 3 epochs, 3 seeds"
    against = "with “L2 0.01, 0% wrong” against “Single, 0% wrong”"
    assert came_out == f"ST -2.00 ± 0.20 {against}; M -2.00 ± 0.20 {against}; 1 further"
    assert sure == "3 of 6 clear, the others up to 0.07"
    assert table.rows[1][1].text == "the same"
    single = findings.findings(noise.query("seed == 912"), {})
    assert [c.text for c in overview.table(single).rows[0][4:]] == ["-", "one seed"]


def test_equal_networks_count_once(noise):
    """As a member that only teaches and the one apart, against both pulled."""
    (finding,) = findings.findings(noise, {})
    (_arm, *against), difference = next(iter(finding.differences.items()))
    more = finding.differences | {("its copy", *against): difference}
    twice = dataclasses.replace(finding, differences=more)
    assert results.compared(twice) == results.compared(finding)
    assert results.answer(twice) == results.answer(finding)


def test_fewer_errors_are_named_before_more(tmp_path):
    """Where the studies ask what does best, larger harm would hide it."""
    arms = studies.STUDIES["identical"].configs(**SMALL)
    errors = {"M, M": 9, "M, M, Single": 10, "ST, ST": 15, "ST, ST, Single": 10}
    for place, (arm, error) in enumerate(errors.items()):
        write_arm(tmp_path, arms[arm][""], (error, error + 1 + place / 50, error + 2))
    (finding,) = findings.findings(load(tmp_path)[0], {})
    clear, _ = results.compared(finding)
    means = [round(difference.mean) for _, difference in clear]
    assert means == [-1, -1, 5, 5]
    text = results.answer(finding)
    assert text.index("points fewer") < text.index("points more")


def test_what_is_missing_is_one_line(noise):
    (finding,) = findings.findings(noise, {})
    assert caveats.missing(finding) == (
        "6 experiments are missing, of “Single, 40% wrong” 3, “L2 0.01, 40% wrong” 3"
    )
    whole = dataclasses.replace(finding, lacking={})
    assert caveats.missing(whole) == ""
    many = {f"arm {number}": 1 for number in range(9)}
    some = caveats.missing(dataclasses.replace(finding, lacking=many))
    assert some.endswith(
        f"“arm {caveats.LISTED - 1}” 1 and of {9 - caveats.LISTED} other arms"
    )


def test_a_plan_says_which_arms_are_missing(tmp_path):
    """Of the schedules' seven the plan wants five, on so many images of any set."""
    base = cifar10_studies.SIZE
    arms = studies.STUDIES["schedules"].configs((912, 913), **base)
    for arm in ("constant", "Single", "ramp up"):
        write_arm(tmp_path, arms[arm][""], (10, 11))
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.name == "schedules"
    assert finding.lacking == {
        "constant": 1, "Single": 1, "ramp up": 1, "burn-in 0.2": 3, "cool-down 0.2": 3
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["remark_3.5", "four_members", "few_labels", "mutual_learning"]
)
def test_the_studies_on_cifar_10_have_a_table_a_figure_and_a_name(name, tmp_path):
    study = studies.STUDIES[name]
    for place, tried in enumerate(study.configs(epochs=3).values()):
        configs = tried[""]
        for config in configs:
            usual = synthetic_curves(
                ExperimentConfig("digits", epochs=config.epochs), 0.5
            )
            models = dict.fromkeys(config.member_names, usual["ST"])
            models |= {"ensemble": usual["ensemble"]} if len(models) > 1 else {}
            models = copy.deepcopy(models)
            for curves in models.values():
                curves["test_error"][-1] = (10 + place + config.seed - 912) / 100
            write_run(tmp_path, config, models)
    found = {f.name: f for f in findings.findings(load(tmp_path)[0], {})}
    finding = found[name]
    assert finding.missing == 0
    assert results.name_of(finding) == f"study_{name}_epochs_3"
    table = results.table(finding)
    assert [row[0].text for row in table.rows] == list(study.arms)
    model = finding.models[0]
    arm, control = study.comparisons()[-1]
    gap = list(study.arms).index(arm) - list(study.arms).index(control)
    assert finding.differences[arm, control, model].mean == pytest.approx(gap)
    assert len(results.figure(finding).axes) == len(finding.models)


def test_nothing_clear_and_one_seed(tmp_path):
    arms = studies.STUDIES["noise"].configs(**SMALL)
    for arm, errors in list(ERRORS.items())[2:]:
        write_arm(tmp_path, arms[arm][""], errors)
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert results.answer(finding).startswith("No arm differs clearly from its")
    single = load(tmp_path)[0].query("seed == 912")
    (finding,) = findings.findings(single, {})
    assert results.answer(finding).startswith("With one seed nothing can be told")
    caption = results.table(finding).caption
    assert caption.endswith("leave open, not other seeds")


def test_the_paper_s_own_runs_are_no_study(tmp_path):
    for method, alpha in (("L2", 0.01), ("L2", 0.1), ("Single", 0.0)):
        write_run(tmp_path, ExperimentConfig("mnist", method=method, alpha=alpha))
    assert findings.findings(load(tmp_path)[0], {}) == []


def test_arms_of_another_study_are_no_study_on_another_data_set(tmp_path):
    """`strong` is one on MNIST, and has an arm in common with `reduction`."""
    arms = studies.STUDIES["reduction"].configs(**SMALL | {"dataset": "cifar10"})
    for candidates in arms.values():
        write_arm(tmp_path, candidates[""], (10, 11, 12))
    common = ExperimentConfig("cifar10", epochs=3, method="L2", alpha=0.1)
    write_arm(tmp_path, [common], (10,))
    names = [finding.name for finding in findings.findings(load(tmp_path)[0], {})]
    assert names == ["reduction"]


def test_members_of_a_kind_are_averaged(tmp_path):
    arms = studies.STUDIES["identical"].configs([912, 913], **SMALL)
    for arm in ("M, M, Single", "M, M"):
        for config in arms[arm][""]:
            pair = synthetic_curves(ExperimentConfig("digits", epochs=3), 0.5)
            pair["M_2"] = pair.pop("ST")
            for name, error in (("M", 0.1), ("M_2", 0.3), ("ensemble", 0.1)):
                pair[name]["test_error"][-1] = error
            write_run(tmp_path, config, pair)
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.errors["M, M", "M"].tolist() == pytest.approx([20, 20])
    assert "ST" not in finding.errors.index.levels[1]


def test_other_common_settings_are_a_finding_of_their_own(tmp_path):
    for epochs in (3, 4):
        arms = studies.STUDIES["noise"].configs(**SMALL | {"epochs": epochs})
        for arm, errors in ERRORS.items():
            write_arm(tmp_path, arms[arm][""], errors)
    found = findings.findings(load(tmp_path)[0], {})
    assert [finding.base["epochs"] for finding in found] == [3, 4]
    assert len({results.name_of(finding) for finding in found}) == 2


def test_longer_arms_are_no_study_of_their_own(tmp_path):
    arms = studies.STUDIES["augmentation"].configs(**SMALL)
    for candidates in arms.values():
        write_arm(tmp_path, candidates[""], (10, 11, 12))
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert (finding.name, finding.base["epochs"]) == ("augmentation", 3)
    assert len(finding.runs) == 24 and finding.missing == 0


def test_what_the_arms_vary_makes_no_second_finding(tmp_path):
    arms = studies.STUDIES["reduction"].configs(**SMALL)
    for place, candidates in enumerate(arms.values()):
        write_arm(tmp_path, candidates[""], (10 + place, 11 + place, 12 + place))
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.name == "reduction" and "reduction" not in finding.base
    assert len(finding.runs) == 12 and finding.missing == 0
    assert finding.differences["L2 0.01, code", "L2 0.01, text", "M"].mean == 2
    assert results.name_of(finding).endswith("reduction_dataset_digits_epochs_3")


def test_precision_sets_no_run_apart(tmp_path):
    arms = studies.STUDIES["noise"].configs(**SMALL)
    for arm, errors in ERRORS.items():
        configs = [dataclasses.replace(c, precision="bfloat16") for c in arms[arm][""]]
        write_arm(tmp_path, configs, errors)
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.missing == 6


def test_the_report_has_the_studies(noise, tmp_path):
    path = page.write(noise, tmp_path, latency=False)
    assert "Beyond the paper: open questions and controls" in path.read_text(
        encoding="utf-8"
    )
    text = (tmp_path / "studies.md").read_text(encoding="utf-8")
    name = results.name_of(findings.findings(noise, {})[0])
    assert (
        f"figures/figure_{name}.png" in text
        and f"{caveats.missing(findings.findings(noise, {})[0])}.\n" in text
    )
    assert (tmp_path / "figures" / f"figure_{name}.png").exists()
    assert (tmp_path / "tables" / f"{name}.csv").exists()


def test_what_was_predicted_stands_before_the_answer(tmp_path):
    study = studies.STUDIES["diversity"]
    arms = study.configs((912, 913), **SMALL)
    for arm, errors in (("ST, M, b = 0", (10.0, 12.0)), ("ST, M, b = 1", (9.0, 10.0))):
        write_arm(tmp_path, arms[arm][""], errors)
    path = page.write(load(tmp_path)[0], tmp_path / "report", latency=False)
    for written in (path, path.with_name("studies.md")):
        text = html.unescape(written.read_text(encoding="utf-8"))
        assert text.index(
            f"Predicted for notmnist_small: {study.prediction}"
        ) < text.index("Clear: ")


def test_a_network_as_large_as_the_ensemble_is_compared_with_it(tmp_path):
    arms = studies.STUDIES["controls"].configs((912, 913), **SMALL)
    write_arm(tmp_path, arms["Single"][""], (10.0, 12.0))
    for config, error in zip(arms["M17 in its place"][""], (11.0, 13.5), strict=True):
        models = synthetic_curves(config, 0.5)
        models["M17"]["test_error"][-1] = error / 100
        write_run(tmp_path, config, models)
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.models == ["ST", "M", "ensemble"]
    difference = finding.difference("M17 in its place", "ensemble")
    assert difference.mean == pytest.approx(1.25)
    (_, row) = results.table(finding).rows
    texts = [cell.text for cell in row]
    assert texts[0] == "M17 in its place" and texts[1:5] == ["-"] * 4
    assert texts[5].startswith("12.25") and texts[-1] == "Single"
