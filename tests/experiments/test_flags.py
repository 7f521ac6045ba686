import absl.flags
import pytest

from collaborative.experiments import flags, plans, recipes
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.experiments.settings import SETTINGS
from collaborative.report.studies.findings import FREE


def test_help_shows_flags_in_groups():
    groups = {
        group: {flag.name for flag in found}
        for group, found in flags.FLAGS.flags_by_module_dict().items()
    }
    assert list(groups)[:2] == ["what is run", "how they are trained"]
    assert {"dataset", "alpha", "grid", "seeds"} < groups["what is run"]
    assert {"optimizer", "patience", "ema"} < groups["how they are trained"]
    assert {"pull", "teacher", "unlabeled"} < groups["how members collaborate"]
    assert {"jit", "jobs"} < groups["how it is computed"]
    assert {"split", "labeled", "data_dir", "download"} < groups["data"]
    assert set(SETTINGS) < set().union(*groups.values())
    assert all(" " in name or name in ("data", "runs") for name in groups)


def asked(*arguments):
    flags.FLAGS(["program", *arguments])
    return flags.configs()


def test_a_recipe_is_its_settings(fresh_flags):
    (config,) = asked("--recipe=cifar_sgd")
    assert config == ExperimentConfig(**recipes.RECIPES["cifar_sgd"])
    assert config.to_json()["learning_rate_schedule"] == "step"


def test_what_is_given_beside_a_recipe_takes_the_place_of_its_own(fresh_flags):
    (config,) = asked("--recipe=cifar_sgd", "--learning_rate=0.05", "--noaugment")
    own = recipes.RECIPES["cifar_sgd"] | {"learning_rate": 0.05, "augment": False}
    assert config == ExperimentConfig(**own)


def test_a_recipe_for_the_experiments_of_a_grid(fresh_flags):
    configs = asked("--grid=paper", "--recipe=cifar_sgd", "--dataset=cifar10")
    assert len(configs) == 13 and {c.optimizer for c in configs} == {"sgd"}
    configs = asked("--grid=noise", "--recipe=cifar_sgd", "--noaugment", "--epochs=3")
    assert {(c.weight_decay, c.epochs, c.truncate) for c in configs} == {
        (5e-4, 3, 2_000)
    }


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--recipe=adam"], "recipe must be one of cifar_sgd, got 'adam'"),
        (["--grid=augmentation", "--recipe=cifar_sgd"], "augment is: leave --recipe"),
        (["--grid=remark_3.5", "--noaugment"], "cannot have augment False"),
        (["--grid=open_questions", "--augment"], "cannot have augment True"),
        (["--grid=noise", "--recipe=cifar_sgd"], r"have augment True \(--recipe\)"),
    ],
)
def test_recipes_that_cannot_be(arguments, message, fresh_flags):
    with pytest.raises(ConfigError, match=message):
        asked(*arguments)


@pytest.mark.parametrize(
    "name", [n for n, facts in SETTINGS.items() if facts.material and not facts.level]
)
def test_a_study_takes_what_the_report_knows_it_with(name, fresh_flags):
    is_bool = flags.FLAGS[name].boolean
    try:
        asked("--grid=size", f"--{name}" if is_bool else f"--{name}=0.9")
        said = ""
    except (ConfigError, absl.flags.IllegalFlagValueError) as error:
        said = str(error)
    refused = said.startswith(("--grid says what", f"--grid size cannot have {name}"))
    assert refused == (name not in FREE)


@pytest.mark.parametrize(
    "study, given",
    [
        ("schedules", ("--noaugment", "--callbacks=", "--labeled=1", "--pull=")),
        ("mutual_learning", ("--recipe=cifar_sgd",)),
        ("remark_3.5", ("--augment",)),
    ],
)
def test_a_study_takes_what_changes_nothing(study, given, fresh_flags):
    planned = [*plans.Part(study).configs()]
    assert asked(f"--grid={study}", *given) == planned
