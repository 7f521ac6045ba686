"""A run from the command line: what it says and leaves, or the one line of why not."""

import json
import pathlib
import re

import numpy as np
import pytest
from conftest import REAL_DATA, ROOT, needs_real_data
from logged_runs import logged_run
from training_command import SCRIPT, command

from collaborative import datasets, run_experiments
from collaborative.experiments.config import ExperimentConfig
from collaborative.training import progress, train

SHORT = ("--truncate", 128, "--epochs", 2)
SMALL = """
import sys
from collaborative import resnet, run_experiments
small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
resnet.PRESETS.update(ST=small, M=small)
sys.argv[0] = "run_experiments.py"
sys.exit(run_experiments.main(sys.argv))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, python):
    """The log directory and the output of a finished run of small networks."""
    log_dir = tmp_path_factory.mktemp("logs")
    return log_dir, python("-c", SMALL, "--log_dir", log_dir, *SHORT, cwd=ROOT)


def test_output_of_a_run(finished):
    log_dir, run = finished
    run_dir = log_dir / "digits/ST-M/L2_0.01,epochs=2,truncate=128/seed_912"
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "digits, pooled split: 128 train, 128 test images"
    assert re.fullmatch(
        r"trains ST \([\d,]+ parameters\), M \([\d,]+ parameters\) together, "
        "L2 0.01, 2 epochs",
        lines[1],
    )
    assert lines[2] == f"writes to {run_dir}"
    assert [line[:9] for line in lines[3:5]] == ["epoch 1/2", "epoch 2/2"]
    assert lines[5].split() == ["test", "error", "%", "test", "cost"]
    assert [line.split()[0] for line in lines[6:9]] == ["ST", "M", "ensemble"]
    paths = [str(run_dir / n) for n in ("error.png", "cost.png", "model.keras")]
    assert lines[9:] == paths
    config = json.loads((run_dir / "config.json").read_text())
    assert config["command"][:2] == ["run_experiments.py", "--log_dir"]


def test_the_model_loads_in_another_process(finished, python):
    log_dir, _ = finished
    (path,) = log_dir.rglob("model.keras")
    code = (
        "import keras, models, numpy as np;"
        f"m = keras.models.load_model({str(path)!r});"
        "print(m.predict(np.zeros((1, 8, 8, 1)), verbose=0).shape)"
    )
    assert python("-c", code, cwd=ROOT).stdout.strip() == "(1, 10)"


def test_a_finished_run_is_not_run_again(finished, python):
    log_dir, run = finished
    again = python(SCRIPT, "--log_dir", log_dir, *SHORT)
    assert again.returncode == 0
    first, *rest = again.stdout.splitlines()
    assert first.startswith("finished before: ")
    assert rest == run.stdout.splitlines()[5:]


def test_a_run_with_other_settings_is_left_alone(finished, python):
    log_dir, _ = finished
    other = python(SCRIPT, "--log_dir", log_dir, *SHORT, "--precision", "bfloat16")
    assert other.returncode == 1
    assert "holds a run with precision 'float32', not 'bfloat16'" in other.stderr
    assert len(other.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (("--dataset", "cifar01"), 2, "there is no data set 'cifar01': use cifar10"),
        (("--split", "official"), 2, "digits has no split 'official': use 'pooled'"),
        (("--batch_size", "2000"), 2, "batch_size 2000 is larger than the 1438"),
        (("--validation", "2000"), 2, "validation must be from 0 to 1,437"),
        (
            ("--learning_rate", "1e30", "--members", "ST"),
            1,
            ": lower the learning rate",
        ),
        (("--log_dir", "/proc/none", "--members", "ST"), 1, "/proc/none"),
        (("--log_dir", f"{__file__}/logs"), 2, f"directory, got the file {__file__}"),
        (
            ("--log_dir", "/tmp/" + 300 * "x", "--members", "ST"),
            1,
            "File name too long",
        ),
    ],
)
def test_one_line_for_a_person(
    arguments, status, message, tmp_path, capsys, fresh_flags, small_runs
):
    with pytest.raises(SystemExit) as raised:
        run_experiments.main(["", "--log_dir", str(tmp_path), *arguments])
    assert raised.value.code == status
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    if "lower the learning rate" in error:
        assert "the total cost is" in error
        (record,) = tmp_path.rglob("failure.json")
        assert message in record.read_text()


def test_the_advice_where_a_teacher_diverges(tmp_path, capsys, fresh_flags, small_runs):
    arguments = ("--members=ST", "--teacher=ST", "--learning_rate=1e30")
    with pytest.raises(SystemExit) as raised:
        run_experiments.main(["", "--log_dir", str(tmp_path), *arguments])
    error = capsys.readouterr().err
    assert raised.value.code == 1 and len(error.splitlines()) == 1
    assert "the total cost is" in error and "lower the learning rate" in error
    (record,) = tmp_path.rglob("failure.json")  # of the teacher
    assert record.parent.parent.name.startswith("Single_0.0")
    assert "lower the learning rate" in record.read_text()


@pytest.mark.slow
def test_a_missing_data_set_is_explained(tmp_path):
    """In a process of its own, where nothing else may be on stderr."""
    run = command(
        "--dataset", "mnist", "--data_dir", tmp_path / "data", "--log_dir", tmp_path
    )
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert f"not prepared in {tmp_path}" in run.stderr
    assert "--dataset mnist" in run.stderr and "--download" in run.stderr


@pytest.mark.slow
@needs_real_data
def test_mnist_beside_the_paper(tmp_path):
    run = command(
        "--dataset", "mnist", "--data_dir", REAL_DATA, "--log_dir", tmp_path,
        "--truncate", 512, "--epochs", 1,
    )  # fmt: skip
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("paper cost"))
    table = lines[at : at + 4]
    assert table[0].split()[-4:] == ["paper", "%", "paper", "cost"]
    assert [line.split()[-2:] for line in table[1:]] == [
        ["0.56", "0.0257"],
        ["0.50", "0.0198"],
        ["0.50", "0.0168"],
    ]
    said = "not to be compared with the paper's numbers: epochs=1, truncate=512"
    assert lines[at + 4] == said


def test_foreign_images_are_those_of_the_other_set(monkeypatch, fresh_flags, capsys):
    run_experiments.FLAGS(["run_experiments.py"])
    asked = []

    def load(name, **places):
        asked.append(name)
        raise datasets.NotPrepared("it lies nowhere")

    monkeypatch.setattr(datasets, "load", load)
    for name in ("mnist", "notmnist_small", "cifar10"):
        assert run_experiments.foreign_dataset(ExperimentConfig(name)) is None
    assert asked == ["notmnist_small", "mnist"]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(datasets, "load", lambda name, **places: name)
    assert run_experiments.foreign_dataset(ExperimentConfig("notmnist")) == "mnist"
    # Pictures that are stretched are compared with others of their size.
    monkeypatch.setattr(datasets, "load", lambda name, image_size, **_: image_size)
    config = ExperimentConfig("notmnist", image_size="32x36")
    assert run_experiments.foreign_dataset(config) == (32, 36)


def test_overwriting_a_student_keeps_its_teacher(
    tmp_path, monkeypatch, fresh_flags, capsys
):
    student = ExperimentConfig("digits", ("ST",), "KL", 1.0, teacher=("ST", "ST"))
    flags = ("--log_dir", str(tmp_path), "--overwrite")
    run_experiments.FLAGS(["run_experiments.py", *flags])
    trained = []

    def trains(config, dataset, log_dir, *, overwrite, **_):
        trained.append((config, overwrite))

    monkeypatch.setattr(train, "train", trains)
    run_experiments.result_of(student)
    assert trained == [(student.teacher_config, False), (student, True)]
    assert "first its teacher: ST,ST" in capsys.readouterr().out
    logged_run(student.teacher_config, tmp_path, finished=True)
    run_experiments.result_of(student)
    assert trained[2:] == [(student, True)]
    (student.teacher_config.run_dir(tmp_path) / "config.json").unlink()
    with pytest.raises(train.RunError, match="put it back, or move it away to have"):
        run_experiments.result_of(student)


def test_closing_table_without_the_paper():
    curves = {"test_error": [0.5, 0.123], "test_cost": [2.0, 0.5]}
    table = progress.closing_table({"models": {"ST": curves}}, {})
    assert table.splitlines() == [
        "    test error %  test cost",
        "ST         12.30     0.5000",
    ]
    curves["validation_error"] = [0.4, 0.2]
    table = progress.closing_table({"models": {"ST": curves}}, {"ST": (12, 0.4)})
    assert table.splitlines() == [
        "    validation error %  test error %  test cost  paper %  paper cost",
        "ST               20.00         12.30     0.5000    12.00      0.4000",
    ]


@pytest.mark.parametrize(
    "settings, said",
    [
        ({}, []),
        (
            {"epochs": 2, "truncate": 2000},
            ["not to be compared with the paper's numbers: epochs=2, truncate=2000"],
        ),
    ],
)
def test_the_paper_s_numbers_beside_a_run_with_other_settings(
    settings, said, monkeypatch, capsys, fresh_flags
):
    curves = {"test_error": [0.5], "test_cost": [2.0]}
    statistics = {"models": dict.fromkeys(("ST", "M", "ensemble"), curves)}
    result = train.Result(statistics, pathlib.Path("run"))
    monkeypatch.setattr(run_experiments, "result_of", lambda config: result)
    given = [f"--{name}={value}" for name, value in settings.items()]
    arguments = ["--dataset=cifar10", "--method=L2", "--alpha=0.01", *given]
    assert run_experiments.main(["run_experiments.py", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["ensemble", "50.00", "2.0000", "20.32", "0.5952"]
    assert lines[4:] == said


def test_closing_table_of_unequal_classes():
    curves = {"test_error": [0.5, 0.123], "test_cost": [2.0, 0.5]}
    for counts, shown in (([600, 400], False), ([61, 40], False), ([601, 400], True)):
        scores = {"confusion": np.diag(counts), "balanced_error": 0.25}
        evaluation = {"models": {"ST": scores}}
        statistics = {"models": {"ST": curves}, "evaluation": evaluation}
        table = progress.closing_table(statistics, {})
        assert ("balanced %" in table and " 25.00 " in table) == shown
