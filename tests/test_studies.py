import pytest

import studies


@pytest.mark.parametrize("name", studies.STUDIES)
def test_arms_are_different_experiments_on_the_same_images(name):
    arms = studies.STUDIES[name].configs()
    configs = [config for arm in arms.values() for config in arm]
    assert len(configs) == len(set(configs)) == 3 * len(arms)
    assert len({c.run_dir("") for c in configs}) == len(configs)
    assert len({(c.dataset, c.truncate) for c in configs}) == 1
    assert [c.seed for c in configs] == [*studies.SEEDS] * len(arms)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_arms_are_compared_with_arms(name):
    study = studies.STUDIES[name]
    pairs = study.comparisons()
    assert pairs and set(study.controls) <= set(study.arms)
    for arm, control in pairs:
        assert arm in study.arms and control in study.arms and arm != control


def test_what_is_given_takes_the_place_of_the_study_s_own():
    study = studies.STUDIES["distillation"]
    arms = study.configs([7], dataset="digits", truncate=0, epochs=8)
    assert arms["ST, 5 x the epochs"][0].epochs == 40
    assert arms["M, 1.25 x the epochs"][0].epochs == 10
    assert {c.dataset for arm in arms.values() for c in arm} == {"digits"}
    assert arms["L2 0.01"][0].seed == 7
