"""Plans: which experiments they have, and in which order."""

import pytest

from collaborative.experiments import cifar10_studies, flags, plans, studies
from collaborative.experiments.config import ExperimentConfig

PLAN = plans.PLANS["open_questions"]


@pytest.mark.parametrize("part", PLAN, ids=lambda part: part.study)
def test_a_part_has_arms_of_its_study_and_what_they_are_compared_with(part):
    study = studies.STUDIES[part.study]
    wanted = part.arms or tuple(study.arms)
    assert set(wanted) <= set(study.arms)
    controls = dict(study.comparisons())
    assert all(controls[arm] in wanted for arm in wanted if arm in controls)
    configs = part.configs()
    assert len(configs) == len(wanted) * len(study.seeds)
    assert len(set(configs)) == len(configs)


def test_all_arms_have_a_seed_before_one_has_the_next():
    seeds = [config.seed for config in PLAN[1].configs((1, 2))]
    assert seeds == [1] * 4 + [2] * 4
    assert {c.epochs for c in PLAN[1].configs((1,), epochs=3)} == {3}


def test_the_paper_s_questions_are_all_in_it():
    """1: remark_3.5; 2 to 7, of section 7.3."""
    asked = {part.study for part in PLAN}
    assert asked == {
        *("remark_3.5", "schedules", "asymmetric", "four_members", "identical"),
        *("deep", "few_labels", "mutual_learning"),
    }


def test_the_plan_s_experiments_once_each_and_in_its_order(fresh_flags):
    flags.FLAGS(["program", "--grid=open_questions", "--dataset=cifar10"])
    configs, questions = flags.configs(), flags.questions()
    assert len(configs) == len(set(configs)) == len(questions)
    assert {c.dataset for c in configs} == {"cifar10"}
    few = {len(c.members) for c in configs if c.truncate == 10_000}
    assert few == {1, 2, 4}
    full = [c for c in configs if not c.truncate]
    assert {(c.epochs, c.augment) for c in full} == {(30, True), (90, True)}
    first = list(dict.fromkeys(questions[c].partition(":")[0] for c in configs))
    assert first == list(dict.fromkeys(part.study for part in PLAN))
    # Shared by several studies, asked for by the first.
    single = ExperimentConfig(**cifar10_studies.SIZE, method="Single")
    assert questions[single].startswith("asymmetric: What if we consider")


def test_settings_of_the_command_line_are_those_of_all_parts(fresh_flags):
    arguments = ["--grid=open_questions", "--seeds=7", "--truncate=100", "--epochs=3"]
    flags.FLAGS(["program", *arguments])
    configs = flags.configs()
    assert {(c.seed, c.truncate) for c in configs} == {(7, 100)}
    assert {c.epochs for c in configs} == {1, 3, 9}


def test_arms_that_a_plan_wants():
    base = cifar10_studies.SIZE | {"batch_size": 64}
    wanted = ("constant", "Single", "ramp up", "burn-in 0.2", "cool-down 0.2")
    assert plans.wanted_arms("schedules", base) == wanted
    everything = tuple(studies.STUDIES["schedules"].arms)
    assert plans.wanted_arms("schedules", base | {"epochs": 30}) == everything
    remark = studies.STUDIES["remark_3.5"]
    assert plans.wanted_arms("remark_3.5", remark.base) == tuple(remark.arms)
