import pytest
from collaborative.resnet import PRESETS

from collaborative.experiments import studies
from collaborative.report import inference_cost


@pytest.mark.parametrize("name", studies.STUDIES)
def test_arms_are_different_experiments_on_the_same_images(name):
    study = studies.STUDIES[name]
    arms = study.configs()
    candidates = [tried for arm in arms.values() for tried in arm.values()]
    configs = [config for tried in candidates for config in tried]
    assert len(configs) == len(set(configs)) == len(study.seeds) * len(candidates)
    assert len({c.run_dir("") for c in configs}) == len(configs)
    assert len({(c.dataset, c.truncate, c.validation) for c in configs}) == 1
    assert [c.seed for c in configs] == [*study.seeds] * len(candidates)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_a_study_that_chooses_sets_images_aside(name):
    study = studies.STUDIES[name]
    arms = study.configs()
    assert study.chooses == any(len(tried) > 1 for tried in arms.values())
    assert study.chooses == bool(study.base.get("validation"))


def test_all_combinations_of_choices_are_tried():
    study = studies.STUDIES["distillation"]
    tried = study.configs([7])["ST from M"]
    assert list(tried) == [
        "alpha 0.1, temperature 1",
        "alpha 0.1, temperature 4",
        "alpha 1, temperature 1",
        "alpha 1, temperature 4",
    ]
    (config,) = tried["alpha 0.1, temperature 4"]
    assert (config.alpha, config.temperature, config.teacher) == (0.1, 4.0, ("M",))
    assert list(study.configs([7])["Single"]) == [""]


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
    assert arms["ST, 5 x the epochs"][""][0].epochs == 40
    assert arms["M, 1.25 x the epochs"][""][0].epochs == 10
    (config,) = arms["L2"]["alpha 0.01"]
    assert (config.dataset, config.truncate, config.seed) == ("digits", 0, 7)


def test_the_scale_of_diversity_has_these_weights():
    """sum_i CE_i - n b A: with two members alpha, the weight of A, is -2 b."""
    arms = studies.STUDIES["diversity"].configs([7])
    for names in ("ST, M", "ST, ST"):
        weights = {
            arm.rpartition(" ")[2]: config.alpha
            for arm, candidates in arms.items()
            for (config,) in candidates.values()
            if arm.startswith(names)
        }
        assert weights == {
            **{"0": 0.0, "1": -2.0, "0.3": -0.6, "-0.3": 0.6},
            **{"-1": 2.0, "-3": 6.0, "-10": 20.0, "-30": 60.0},
        }


def test_networks_in_the_ensemble_s_place_are_as_large_as_it():
    """One just below {ST, M}, one just above it, in parameters and in operations."""
    ensemble = inference_cost.sizes()["ensemble"]
    sizes = {name: inference_cost.size(PRESETS[name]) for name in ("M17", "M18")}
    shares = {
        name: {key: round(size[key] / ensemble[key], 3) for key in size}
        for name, size in sizes.items()
    }
    assert shares == {
        "M17": {"parameters": 0.974, "operations": 0.978},
        "M18": {"parameters": 1.091, "operations": 1.096},
    }
    arms = studies.STUDIES["controls"].configs([7])
    for name in sizes:
        (config,) = arms[f"{name} in its place"][""]
        assert (config.members, config.method) == ((name,), "Single")
    assert {c.epochs for tried in arms.values() for c in tried[""]} == {20}
