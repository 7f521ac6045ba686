"""What derives from the facts of a setting: flags, directories, cards."""

import dataclasses
import fractions
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

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
        "labeled": 0.5, "label_noise": 0.5, "temperature": 2.0, "image_size": "16x16",
        "class_weight": "balanced", "callbacks": ("ema",), "color_mode": "rgb",
        "init_from": "logs/mnist/ST-M/L2_0.01/seed_1",
        "optimizer": "adamw", "momentum": 0.5, "ema": 0.99, "label_smoothing": 0.1,
        "small_loss": 0.2,
        "keep": "best", "learning_rate_schedule": "step",
        "shuffle": "once",
    }  # fmt: skip
    base = {"dataset": "cifar10", "method": "CE", "alpha": 1.0, "seed": 1}
    if name == "teacher":
        base |= {"members": ("ST",), "method": "KL", "teacher": ("ST",)}
    if name == "color_mode":
        base |= {"dataset": "folder:pictures"}
    base |= {"optimizer": "sgd"} if name == "momentum" else {}
    base |= {"validation": 500} if name in ("patience", "keep") else {}
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


@pytest.mark.parametrize(
    "given, plain",
    [
        ({"alpha": 1}, {"alpha": 1.0}),
        ({"alpha": -0.0, "ema": -0.0}, {"alpha": 0.0, "ema": 0.0}),
        ({"alpha": np.float64(0.1)}, {"alpha": 0.1}),
        ({"learning_rate": fractions.Fraction(1, 4)}, {"learning_rate": 0.25}),
        ({"epochs": np.int64(3), "seed": np.int32(7)}, {"epochs": 3, "seed": 7}),
        ({"members": ["M", "ST"]}, {"members": ("M", "ST")}),
        ({"pull": iter(["M=0.50"])}, {"pull": ("M=0.5",)}),
        ({"dataset": np.str_("mnist")}, {"dataset": "mnist"}),
    ],
)
def test_an_experiment_has_one_directory_however_its_values_are_written(given, plain):
    one, other = ExperimentConfig(**given), ExperimentConfig(**plain)
    assert one == other and one.run_dir("logs") == other.run_dir("logs")
    assert json.dumps(one.to_json()) == json.dumps(other.to_json())
    assert repr(one) == repr(other)


def test_whole_numbers_name_the_directory_that_the_command_names():
    name = ExperimentConfig(alpha=1, learning_rate=1).run_dir("logs").parent.name
    assert name == "L2_1.0,learning_rate=1.0"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"epochs": "3"}, "epochs must be a whole number, got '3'"),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"alpha": "much"}, "alpha must be a number, got 'much'"),
        ({"temperature": None}, "temperature must be a number, got None"),
        ({"augment": "no"}, "augment must be True or False, got 'no'"),
        ({"dataset": 3}, "dataset must be text, got 3"),
        ({"unlabeled": 5}, "unlabeled must be text, got 5"),
        ({"members": "ST"}, "members must be a list of texts, got 'ST'"),
        ({"teacher": (1,)}, r"teacher must be a list of texts, got \(1,\)"),
        ({"pull": None}, "pull must be a list of texts, got None"),
        ({"learning_rate": float("inf")}, "must be above 0 and finite, got inf"),
    ],
)
def test_values_of_another_type_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ExperimentConfig(**settings)


def test_a_name_that_one_could_add_is_told_how():
    with pytest.raises(ConfigError, match=r"got 'vgg'; one of your own .*\(--plugin"):
        ExperimentConfig(members=("vgg",))
    with pytest.raises(ConfigError, match=r"got 'half'$"):
        ExperimentConfig(split="half")


# One field more in the source of the settings, and nothing else.
ADDED = """
import json, sys, types
from collaborative import experiments
path = experiments.__path__[0] + "/settings.py"
field = '''
    dropout: float = setting(
        0.0, "Part of {names} left out.", names=lambda: ("a", "b"), closed=False,
        within=PART_BELOW_1, free=True,
    )


SETTINGS = '''
source, found, rest = open(path).read().partition("SETTINGS = ")
name = "collaborative.experiments.settings"
module = sys.modules[name] = types.ModuleType(name)
exec(compile(source.rstrip() + field + rest, path, "exec"), module.__dict__)

from collaborative.deployment import card_training
from collaborative.experiments import flags
from collaborative.experiments.config import ExperimentConfig
from collaborative.report.studies import findings
from collaborative.runs import pools, run_table

config = ExperimentConfig("mnist", dropout=0.5)
try:
    ExperimentConfig(dropout=1)
except ValueError as error:
    wrong = str(error)
flags.FLAGS(["x", "--dropout=0.25"])
(asked,) = flags.configs()
print(json.dumps({
    "help": flags.FLAGS["dropout"].help,
    "flag": asked.dropout,
    "wrong": wrong,
    "run_dir": str(config.run_dir("logs")),
    "json": config.to_json()["dropout"],
    "differences": config.differences(ExperimentConfig("mnist").to_json()),
    "card": list(card_training._further(config.to_json())),
    "column": "dropout" in run_table.COLUMNS,
    "deviations": run_table.deviations(config),
    "free": "dropout" in findings.FREE,
    "command": pools.command(config, {})[-1],
}))
"""


def test_a_setting_is_added_by_its_field_alone():
    said = subprocess.check_output([sys.executable, "-c", ADDED], cwd=ROOT, text=True)
    assert json.loads(said) == {
        "help": "Part of a or b left out.",
        "flag": 0.25,
        "wrong": "dropout must be from 0 to below 1, got 1.0",
        "run_dir": "logs/mnist/ST-M/L2_0.01,dropout=0.5/seed_912",
        "json": 0.5,
        "differences": {"dropout": [0.0, 0.5]},
        "card": ["; dropout 0.5"],
        "column": True,
        "deviations": "dropout 0.5",
        "free": True,
        "command": "--dropout=0.5",
    }


def test_the_run_to_start_from_is_absolute_and_named_by_its_own_name(tmp_path):
    run_dir = tmp_path / "logs/mnist/ST-M/L2_0.01/seed_1"
    config = ExperimentConfig(init_from=str(run_dir))
    name = config.run_dir("logs").parent.name
    assert name == "L2_0.01,init_from=mnist_ST-M_L2_0.01_seed_1"
    assert ExperimentConfig(init_from="x").init_from == os.path.abspath("x")
