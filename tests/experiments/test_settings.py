"""What derives from the facts of a setting: flags, directories, cards."""

import dataclasses

import pytest

from collaborative.experiments import flags
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import (
    PART_BELOW_1,
    ConfigError,
    Setting,
    setting,
    settings_of,
)
from collaborative.experiments.settings import IMMATERIAL, SETTINGS


@dataclasses.dataclass(frozen=True)
class Own:
    """A dataclass with a setting of a new name."""

    dropout: float = setting(0.0, "One of {names}.", within=PART_BELOW_1)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_has_a_flag_with_its_help_and_default(name):
    flag = flags.FLAGS[name]
    start = SETTINGS[name].help.partition("{")[0][:20]
    assert SETTINGS[name].help and start in flag.help and "{" not in flag.help
    default = getattr(ExperimentConfig, name)
    if SETTINGS[name].listed and default is not None:
        default = (default,)
    assert flag.default == (list(default) if isinstance(default, tuple) else default)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_a_level_of_the_directory_a_part_of_its_name_or_immaterial(name):
    values = {
        "dataset": "mnist", "members": ("M", "M"), "method": "CE", "split": "official",
        "jit": "on", "strategy": "mirrored", "precision": "bfloat16",
        "reduction": "released", "augment": True, "alpha_schedule": "ramp_up",
        "pull": ("M=0.5",), "topology": "ring", "pair_cost": "mean",
        "teacher": ("M",), "unlabeled": "noise", "unlabeled_steps": "separate",
        "labeled": 0.5, "label_noise": 0.5, "temperature": 2.0,
    }  # fmt: skip
    base = {"dataset": "cifar10", "method": "CE", "alpha": 1.0, "seed": 1}
    if name == "teacher":
        base |= {"members": ("ST",), "method": "KL", "teacher": ("ST",)}
    usual = ExperimentConfig(**base)
    if name == "method":
        values["method"] = "L2"
    value = values.get(name, 3 * (getattr(usual, name) or 1))
    other = ExperimentConfig(**base | {name: value})
    same = other.run_dir("logs") == usual.run_dir("logs")
    assert same == (name in IMMATERIAL)
    levels = len(other.run_dir("logs").name.split(","))
    assert SETTINGS[name].level or same or f"{name}=" in str(other.run_dir("logs"))
    assert levels == 1


def test_a_check_asks_the_registry_each_time():
    known = ["a"]
    facts = Setting("", names=lambda: known)
    with pytest.raises(ConfigError, match="it must be one of a, got 'b'"):
        facts.check("it", "b")
    known.append("b")
    facts.check("it", "b")
    facts.check("it", ("a", "b"))
    facts.check("it", None)


def test_a_new_setting_is_checked_by_its_facts():
    facts = settings_of(Own)["dropout"]
    facts.check("dropout", 0.5)
    with pytest.raises(ConfigError, match="dropout must be from 0 to below 1, got 1"):
        facts.check("dropout", 1.0)
