import subprocess
import sys

import pytest
from conftest import ROOT

from collaborative.experiments import checks
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError


def test_paper_settings():
    config = ExperimentConfig("cifar10")
    assert config.members == ("ST", "M")
    assert (config.method, config.alpha) == ("L2", 0.01)
    assert (config.epochs, config.batch_size, config.seed) == (30, 64, 912)
    assert (config.learning_rate, config.weight_decay) == (2**-10, 1e-4)
    assert config.split == "pooled"


def test_paper_settings_of_notmnist():
    assert ExperimentConfig("notmnist").epochs == 15
    assert ExperimentConfig("notmnist").split == "official"
    assert ExperimentConfig("notmnist_small").epochs == 15
    assert ExperimentConfig("mnist").epochs == 30


def test_a_single_member_is_trained_alone():
    config = ExperimentConfig(members=("ST",))
    assert (config.method, config.alpha) == ("Single", 0.0)


def test_run_dir(tmp_path):
    config = ExperimentConfig("cifar10", method="CE", alpha=1e-4, seed=3)
    expected = tmp_path / "cifar10" / "ST-M" / "CE_0.0001" / "seed_3"
    assert config.run_dir(tmp_path) == expected
    single = ExperimentConfig("cifar10", method="Single")
    assert single.run_dir(tmp_path).parent.name == "Single_0.0"


def test_run_dir_says_what_is_not_as_in_the_paper(tmp_path):
    config = ExperimentConfig(
        "cifar10", epochs=3, precision="bfloat16", jit="on", pull=("M=0.50", "ST=1")
    )
    name = config.run_dir(tmp_path).parent.name
    assert name == "L2_0.01,epochs=3,pull=M=0.5"
    scheduled = ExperimentConfig("cifar10", alpha_schedule="burn_in:0.2")
    name = scheduled.run_dir(tmp_path).parent.name
    assert name == "L2_0.01,alpha_schedule=burn_in_0.2"
    assert ExperimentConfig("notmnist").run_dir("x").parent.name == "L2_0.01"


def test_a_student_and_its_teacher():
    config = ExperimentConfig(
        "mnist", members=("ST",), teacher=("ST", "M"), temperature=4.0, epochs=7
    )
    assert (config.method, config.alpha) == ("KL", 1.0)
    assert config.teacher_config == ExperimentConfig("mnist", method="Single", epochs=7)
    assert ExperimentConfig("mnist").teacher_config is None
    softened = {"teacher": ("M",), "alpha_schedule": "ramp_up", "temperature": 2.0}
    taught = ExperimentConfig("mnist", members=("ST",), ema=0.9, seed=3, **softened)
    apart = ExperimentConfig("mnist", ("M",), "Single", ema=0.9, seed=3)
    assert taught.teacher_config == apart


def test_what_members_that_are_trained_apart_have_in_common_with_others():
    settings = {"label_noise": 0.2, "seed": 3, "epochs": 7, "ema": 0.9}
    apart = ExperimentConfig("mnist", method="Single", **settings)
    for together in (
        {"method": "CE", "alpha": 1.0, "temperature": 2.0, "alpha_schedule": "cosine"},
        {"pull": ("M=0",), "topology": "ring", "pair_cost": "mean"},
        {"unlabeled": "noise", "unlabeled_ratio": 2.0, "unlabeled_weight": 0.5},
        {"unlabeled": "noise", "unlabeled_steps": "separate"},
        {"method": "Single"},
    ):
        assert ExperimentConfig("mnist", **settings | together).apart == apart
    student = ExperimentConfig("mnist", members=("ST",), teacher=("M",), **settings)
    alone = ExperimentConfig("mnist", members=("ST",), **settings)
    assert student.apart == alone and alone.method == "Single"


def test_members_have_different_names():
    config = ExperimentConfig(members=("M", "ST", "M", "M"))
    assert config.member_names == ("M", "ST", "M_2", "M_3")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"method": "L3"}, "method must be one of CE, L2, .*, Single, got 'L3'"),
        ({"members": ("ST", "XL")}, "members must be one of .*, got 'XL'"),
        ({"members": ()}, "members must name some of ST, M, D, VD"),
        ({"members": ("ST",), "method": "L2"}, "method L2 needs at least 2 members"),
        ({"split": "half"}, "split must be one of pooled, official, got 'half'"),
        ({"reduction": "max"}, "reduction must be one of paper, released"),
        ({"precision": "int8"}, "precision must be one of float32, float32_exact"),
        ({"jit": "yes"}, "jit must be one of auto, on, off, got 'yes'"),
        ({"alpha": -0.1}, "alpha must be a finite number >= 0, got -0.1"),
        ({"alpha": float("nan")}, "alpha must be a finite number >= 0, got nan"),
        ({"alpha": float("inf")}, "alpha must be a finite number >= 0, got inf"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number >= 0, got -1.0"),
        ({"label_noise": 1.0}, "label_noise must be from 0 to below 1, got 1.0"),
        ({"label_noise": float("nan")}, "label_noise must be from 0 to below 1"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"validation": -1}, "validation must be at least 0, got -1"),
        ({"truncate": -1}, "truncate must be at least 0, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"alpha_schedule": "up"}, "alpha_schedule must be constant"),
        ({"topology": "tree"}, "topology must be one of chain"),
        ({"temperature": 2.0}, "L2 does not compare"),
        ({"pull": ("M",)}, "pull must be NAME=FACTOR .*, got 'M'"),
        ({"pull": ("M=-1",)}, "pull must be NAME=FACTOR"),
        ({"pull": ("M=nan",)}, "pull must be NAME=FACTOR"),
        ({"pull": ("D=1",)}, "pull must name members, ST, M, got 'D'"),
        (
            {"members": ("ST",), "pull": ("ST=0",)},
            "pull is for several members, got ST",
        ),
        (
            {"members": ("ST",), "teacher": ("M",), "topology": "ring"},
            "topology is for",
        ),
        ({"members": ("ST",), "pair_cost": "mean"}, "pair_cost is for several members"),
        ({"teacher": ("M",)}, "a teacher needs one student"),
        (
            {"members": ("ST",), "teacher": ("M",), "method": "Single"},
            "needs one student",
        ),
        ({"members": ("ST",), "teacher": ("XL",)}, "teacher must be one of ST"),
        ({"labeled": 0.0}, "labeled must be above 0 and at most 1, got 0.0"),
        ({"unlabeled": "holdout"}, "must be parts"),
        ({"unlabeled": "holdout:1"}, "must be parts"),
        ({"unlabeled": "holdout:0.5", "labeled": 0.6}, "must be parts"),
        ({"unlabeled": "noise", "method": "Single"}, "for members that collaborate"),
        (
            {"unlabeled": "noise", "unlabeled_ratio": 0.0},
            "unlabeled_ratio must be above",
        ),
        (
            {"optimizer": "lamb"},
            "optimizer must be one of adam, adamw, sgd, got",
        ),
        ({"momentum": 0.5}, "momentum is for optimizer sgd, got adam: leave it out"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum must be from 0 to below 1"),
        ({"ema": 1.0}, "ema must be from 0 to below 1, got 1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be from 0 to below 1"),
        ({"patience": 3}, "patience needs validation images, since test images choose"),
        (
            {"keep": "best"},
            "keep needs validation .*: set some aside with",
        ),
        ({"keep": "first"}, "keep must be one of last, best, got 'first'"),
        ({"unlabeled_steps": "both"}, "unlabeled_steps must be one of mixed, separate"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        ExperimentConfig(**settings)


def test_a_set_of_one_s_own_may_have_validation_images_that_no_setting_says():
    config = ExperimentConfig("folder:pictures", patience=3, keep="best")
    checks.check_choice(config, 10)
    with pytest.raises(ConfigError, match="patience needs validation images"):
        checks.check_choice(config, 0)


def test_settings_are_checked_without_tensorflow():
    code = (
        "import sys, collaborative.experiments.config;"
        "print('tensorflow' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert output.strip() == "False"


def test_differences_from_logged_settings():
    config = ExperimentConfig("digits", members=("M", "ST"), epochs=3)
    logged = config.to_json()
    assert config.differences(logged) == {}
    del logged["strategy"]  # as in a log from before there was one
    assert config.differences(logged) == {}
    assert config.differences(logged | {"epochs": 4, "members": ["ST"]}) == {
        "members": (["ST"], ["M", "ST"]),
        "epochs": (4, 3),
    }
    auto = ExperimentConfig("digits", members=("M", "ST"), epochs=3, precision="auto")
    assert auto.differences(logged | {"precision": "bfloat16"}) == {}
