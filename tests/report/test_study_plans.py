"""Studies as they are planned, and what the plans lack."""

import html

import pytest
from finished_runs import load, write_arm

from collaborative.experiments import cifar10_studies, plans, studies
from collaborative.report import page
from collaborative.report.studies import caveats, findings

FIRST = (912,)


@pytest.fixture
def augmented(tmp_path):
    """Runs of remark 3.5, which `augmentation` shares, and two of the paper."""
    planned_arms = studies.STUDIES["remark_3.5"].configs(FIRST)
    for arm in ("Single", "L2 0.01"):
        write_arm(tmp_path, planned_arms[arm][""], (13,))
    wider = studies.STUDIES["augmentation"].configs(FIRST, dataset="cifar10", epochs=30)
    for arm in ("Single", "L2 0.01"):
        write_arm(tmp_path, wider[arm][""], (20,))
    return load(tmp_path)[0]


def test_a_study_as_planned_is_shown_and_not_another_on_its_runs(augmented):
    """`augmentation` has them and two more, of the paper: it is another data set's."""
    (finding,) = findings.findings(augmented, {})
    assert finding.name == "remark_3.5" and finding.is_own
    assert caveats.missing(finding).startswith("10 experiments are missing, of ")


@pytest.mark.parametrize(
    "changed, is_own",
    [({}, True), ({"epochs": 3}, False), ({"dataset": "mnist"}, False)],
)
def test_a_study_is_as_planned_with_its_own_settings(tmp_path, changed, is_own):
    arms = studies.STUDIES["mutual_learning"].configs(FIRST, **changed)
    for arm in ("Single", "KL 1", "L2 0.1"):
        write_arm(tmp_path, arms[arm][""], (30,))
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert finding.is_own is is_own


def test_a_plan_says_in_one_line_what_it_lacks(augmented, tmp_path):
    (line,) = caveats.of_plans(augmented)
    assert line.startswith("Of 95 experiments of the plan “open_questions”, 93 are")
    assert "“remark_3.5” 10" in line and line.endswith("“deep” 6")
    path = page.write(augmented, tmp_path / "report", latency=False)
    for written in (path, path.with_name("studies.md")):
        assert f"{line}." in html.unescape(written.read_text(encoding="utf-8"))


def test_a_plan_that_is_whole_or_not_begun(tmp_path, monkeypatch, augmented):
    part = plans.Part("remark_3.5", ("Single", "L2 0.01"))
    monkeypatch.setattr(plans, "PLANS", {"short": (part,)})
    assert caveats.of_plans(augmented) == [
        "Of 4 experiments of the plan “short”, 2 are missing, of “remark_3.5” 2"
    ]
    arms = studies.STUDIES["remark_3.5"].configs((913,))
    for arm in part.arms:
        write_arm(tmp_path, arms[arm][""], (14,))
    runs = load(tmp_path)[0]
    assert caveats.of_plans(runs) == [
        "Of 4 experiments of the plan “short”, all are there"
    ]
    monkeypatch.setattr(plans, "PLANS", {"other": (plans.Part("few_labels"),)})
    assert caveats.of_plans(runs) == []


def test_pairs_that_were_made_apart_are_named(tmp_path):
    arms = studies.STUDIES["identical"].configs(**cifar10_studies.SIZE)
    for candidates in arms.values():
        write_arm(tmp_path, candidates[""], (10, 11, 12))
    runs = load(tmp_path)[0]
    (finding,) = findings.findings(runs, {})
    assert caveats.made_apart(finding, runs) == ""
    name = finding.names["M, M"][913]
    runs.loc[runs["run"] == name, "device"] = "another"
    for seed in (912, 914):
        name = finding.names["ST, ST, Single"][seed]
        runs.loc[runs["run"] == name, "precision"] = "bfloat16"
    said = caveats.made_apart(finding, runs)
    assert said == (
        "Made on two machines or in two precisions: 3 pairs, of “M, M” 1, “ST, ST” 2"
    )
    path = page.write(runs, tmp_path / "report", latency=False)
    for written in (path, path.with_name("studies.md")):
        assert said in html.unescape(written.read_text(encoding="utf-8"))


def test_one_that_is_missing_is_one(tmp_path):
    arms = studies.STUDIES["identical"].configs(**cifar10_studies.SIZE)
    for arm, candidates in arms.items():
        configs = candidates[""][: 2 if arm == "M, M" else 3]
        write_arm(tmp_path, configs, (10, 11, 12)[: len(configs)])
    (finding,) = findings.findings(load(tmp_path)[0], {})
    assert caveats.missing(finding) == "1 experiment is missing, of “M, M” 1"
