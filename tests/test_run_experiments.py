import json
import pathlib
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import (
    REAL_DATA,
    ROOT,
    logged_run,
    needs_real_data,
    processor_seconds,
)

from collaborative import datasets, run_experiments
from collaborative.experiments import flags
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import failures, pools, sweep
from collaborative.training import progress, train

SCRIPT = ROOT / "run_experiments.py"


def command(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=500,
        **kwargs,
    )


SHORT = ("--truncate", 128, "--epochs", 2)
SMALL = """
import sys
from collaborative import resnet, run_experiments
small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
resnet.PRESETS.update(ST=small, M=small)
sys.argv[0] = "run_experiments.py"
sys.exit(run_experiments.main(sys.argv))
"""


OWN_NETWORK = """
from __future__ import annotations

import dataclasses

import keras
from collaborative import register_network


@dataclasses.dataclass
class Shape:
    units: int = 7


class Scaled(keras.layers.Layer):  # which Keras is not told of
    def call(self, images):
        return images / 255.0


@register_network("own")
def own(input_shape, num_classes):
    layers = [Scaled(), keras.layers.Flatten(), keras.layers.Dense(Shape().units)]
    return keras.Sequential([*layers, keras.layers.Dense(num_classes)])
"""


@pytest.fixture
def own_network(tmp_path_factory):
    """Arguments for a quick network of a file."""
    path = tmp_path_factory.mktemp("networks") / "own networks.py"
    path.write_text(OWN_NETWORK)
    return "--plugin", path, "--members", "own"


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


def test_help_is_quick_and_complete():
    start = processor_seconds()
    run = command("--help")
    assert processor_seconds() - start < 3
    assert run.returncode == 0
    for flag in run_experiments.FLAGS:
        assert f"{flag}" in run.stdout
    assert "tensorflow" not in run.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--methd", "L2"), "Unknown command line flag 'methd'"),
        (("--method", "L3"), "Single, got 'L3'"),
        (
            ("--members", "ST,XL"),
            ", got 'XL'; one of your own",
        ),
        (("--members", "ST", "--method", "L2"), "needs at least 2 members"),
        (("--split", "half"), "split must be one of pooled, official"),
        (("--alpha", "-1"), "alpha must be a finite number >= 0, got -1.0"),
        (("--alpha", "nan"), "alpha must be a finite number >= 0, got nan"),
        (("--alpha", "inf"), "alpha must be a finite number >= 0, got inf"),
        (("--alpha", "much"), "alpha must be numbers, separated by commas, got 'much'"),
        (("--seeds", "1,b"), "seeds must be numbers, separated by commas, got '1,b'"),
        (("--method", "L2,L3"), "Single, got 'L3'"),
        (("--grid", "all"), "open_questions, got 'all'"),
        (("--grid", "paper", "--alpha", "1"), "--grid says what alpha is"),
        (("--limit", "8"), "a time above 0 such as 8h, 90m or 1.5h, got '8'"),
        # What a shell makes of a variable that is not set.
        (("--limit", ""), "a time above 0 such as 8h, 90m or 1.5h, got ''"),
        (("--grid", "", "--dry_run"), "open_questions, got ''"),
        (("--seeds", ""), "seeds must be numbers, separated by commas, got ''"),
        (("--alpha", ""), "alpha must be numbers, separated by commas, got ''"),
        (("--method", ""), "method must name at least one value, got none"),
        (("--grid", "noise", "--label_noise", "0.3"), "leave --label_noise out"),
        (("--jobs", "0"), "jobs"),
        (("--strategy", "many"), "strategy must be one of single, mirrored"),
        (("--seeds", "1,2", "--overwrite"), "--overwrite is for one experiment"),
        (("--callbacks", "ema"), "callback must be one of none yet, got 'ema'"),
        (("--epochs", "0"), "epochs must be at least 1, got 0"),
        (("--batch_size", "0"), "batch_size must be at least 1, got 0"),
        (("cifar10",), "got 'cifar10', which is no flag"),
    ],
)
def test_wrong_flags(arguments, message, capsys, fresh_flags):
    with pytest.raises(SystemExit) as raised:
        run_experiments.main(["run_experiments.py", *arguments])
    assert raised.value.code == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


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


def test_lists_and_seeds_are_combined(fresh_flags):
    flags.FLAGS(
        [
            "x",
            "--method",
            "L2,Single,L2",
            "--alpha",
            "0.1,1",
            "--seeds",
            "1,2",
            "--members",
            "M,ST",
        ]
    )
    configs = flags.configs()
    assert [(c.method, c.alpha, c.seed) for c in configs] == [
        ("L2", 0.1, 1), ("L2", 0.1, 2), ("L2", 1.0, 1), ("L2", 1.0, 2),
        ("Single", 0.0, 1), ("Single", 0.0, 2),
    ]  # fmt: skip
    assert {c.members for c in configs} == {("M", "ST")}


def test_a_dry_run_is_quick_and_leaves_nothing(tmp_path):
    start = processor_seconds()
    run = command("--grid", "paper", "--dry_run", "--log_dir", tmp_path / "logs")
    assert processor_seconds() - start < 4
    lines = run.stdout.splitlines()
    assert len(lines) == 41 and lines[39] == "39 experiments: 39 to do"
    assert not (tmp_path / "logs").exists()


def test_a_sweep_survives_a_failing_experiment(tmp_path, own_network, python):
    """Of processes of their own: one ends well, one cannot find its images."""
    arguments = ("--dataset", "digits,cifar01", *own_network, "--log_dir", tmp_path)
    run = python(SCRIPT, *arguments, "--truncate", 64, "--epochs", 1, "--jobs", 2)
    assert (run.returncode, run.stderr) == (1, "")
    lines = run.stdout.splitlines()
    at = lines.index("1 of 2 experiments finished, 1 failed:")
    reason, heading, header, result, *_, report = lines[at + 1 :]
    assert "there is no data set 'cifar01'" in reason
    (failed,) = tmp_path.rglob("failure.json")
    assert failures.is_of_data(failed.parent)
    assert heading == "digits: errors in %, one seed"
    assert header.split() == ["own", "test"] and result.startswith("  Single ")
    script, plugin = SCRIPT.with_name("analysis.py"), own_network[1]
    assert report == f"report: python {script} --log_dir {tmp_path} --plugin '{plugin}'"
    (finished,) = tmp_path.rglob("model.keras")
    assert "epoch 1/1" in (finished.parent / "output.log").read_text()
    config = json.loads((finished.parent / "config.json").read_text())
    assert config["threads"] == 1


@pytest.mark.slow
def test_a_run_and_a_sweep_train_a_network_from_a_file(tmp_path, own_network, python):
    """What the sweep has still to do is a run by a command of its own."""
    arguments = (
        *own_network[:2], "--members", "own,own",
        "--log_dir", tmp_path / "logs", "--truncate", 64, "--epochs", 1,
    )  # fmt: skip
    run = python(SCRIPT, *arguments, "--seed", 1)
    assert (run.returncode, run.stderr) == (0, "")
    sweep = command(*arguments, "--seeds", "1,2", "--jobs", 2)
    assert (sweep.returncode, sweep.stderr) == (0, "")
    assert "\n2 of 2 experiments finished\ndigits: errors in %" in sweep.stdout
    assert sweep.stdout.splitlines()[-1].endswith(f"--plugin '{own_network[1]}'")
    runs = tmp_path / "logs/digits/own-own/L2_0.01,epochs=1,truncate=64"
    assert {path.parent.name for path in runs.rglob("model.keras")} == {
        "seed_1",
        "seed_2",
    }
    unknown = command("--members", "own,own", "--log_dir", tmp_path / "logs")
    assert unknown.returncode == 2 and "is to be registered first" in unknown.stderr


def test_a_limit_says_what_is_left_and_how_to_go_on(tmp_path, own_network, python):
    arguments = ("--epochs", 500, "--truncate", 64, "--log_dir", tmp_path)
    run = python(SCRIPT, *own_network, *arguments, "--limit", "1.5s")
    assert (run.returncode, run.stderr) == (run_experiments.OUT_OF_TIME, "")
    *lines, last = run.stdout.splitlines()
    assert "0 of 1 experiments finished" in lines  # and perhaps whole epochs of it
    words = [SCRIPT, *own_network, *arguments, "--limit", "1.5s"]
    go_on = shlex.join(["python", *map(str, words)])
    left, said = last.split("; go on: ")  # with what it takes, where that is known
    assert left.startswith("left: 1 experiment") and said == go_on


def test_sigterm_says_how_to_go_on(tmp_path, own_network):
    run_dir = tmp_path / "digits/own/Single_0.0,epochs=500,truncate=64/seed_912"
    arguments = [*own_network, "--epochs=500", "--truncate=64", "--log_dir", tmp_path]
    process = subprocess.Popen(
        [sys.executable, "run_experiments.py", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not (run_dir / "stats.pkl").exists():
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command goes on from there" in error
    assert len(error.splitlines()) == 1
    assert not list(run_dir.rglob(".tmp-*"))


def test_foreign_images_are_those_of_the_other_set(monkeypatch, fresh_flags):
    run_experiments.FLAGS(["run_experiments.py"])
    asked = []

    def load(name, **places):
        asked.append(name)
        raise datasets.DatasetError("not prepared")

    monkeypatch.setattr(datasets, "load", load)
    for name in ("mnist", "notmnist_small", "cifar10"):
        assert run_experiments.foreign_dataset(ExperimentConfig(name)) is None
    assert asked == ["notmnist_small", "mnist"]
    monkeypatch.setattr(datasets, "load", lambda name, **places: name)
    assert run_experiments.foreign_dataset(ExperimentConfig("notmnist")) == "mnist"
    # Pictures that are stretched are compared with others of their size.
    monkeypatch.setattr(datasets, "load", lambda name, image_size, **_: image_size)
    config = ExperimentConfig("notmnist", image_size="32x36")
    assert run_experiments.foreign_dataset(config) == (32, 36)


@pytest.mark.parametrize(
    "flag, options",
    [
        ("--stream", {"stream": "true", "plugin": None}),
        ("--nostream", {"stream": "false", "plugin": None}),
        ("--plugin=own.py", {"plugin": "own.py"}),
        (None, {"plugin": None}),
    ],
)
def test_a_sweep_tells_each_run_where_to_read_images_and_plugins_from(
    flag, options, monkeypatch, fresh_flags
):
    given = []
    monkeypatch.setattr(
        pools, "LocalPool", lambda _, options, *__: given.append(options)
    )
    monkeypatch.setattr(sweep.Sweep, "run", lambda self: 2)
    monkeypatch.setattr(run_experiments, "show_answer", lambda *_: None)
    run_experiments.FLAGS(["run_experiments.py", "--seeds=1,2", *filter(None, [flag])])
    configs = flags.configs()
    assert "stream" not in configs[0].to_json()
    run_experiments.run_many(configs)
    told = {n: v for n, v in given[0].items() if n in ("stream", "plugin")}
    assert told == options


def test_a_sweep_that_was_finished_before_ends_with_its_answer_too(
    tmp_path, capsys, monkeypatch, fresh_flags
):
    """What was stopped is named; nothing is started where all is finished."""
    monkeypatch.setattr(sys, "argv", ["run_experiments.py"])
    arguments = ["--dataset=digits", "--method=L2,CE", "--log_dir", str(tmp_path)]
    run_experiments.FLAGS(["", *arguments])
    configs = flags.configs()
    for config in configs:
        logged_run(config, tmp_path, finished=True)
    assert run_experiments.main(["run_experiments.py", *arguments]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 experiments finished\ndigits: errors in %, one seed\n" in said
    assert said.endswith(f"\nreport: python analysis.py --log_dir {tmp_path}\n")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/collaborative-train"])
    logged_run(configs[1], tmp_path, 3)
    run_experiments.show_answer(configs, {})
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith("CE_0.01/seed_912: interrupted, 3 epochs done")
    assert not any("CE 0.01" in line for line in rest) and "L2 0.01" in rest[2]
    assert rest[-1] == f"report: collaborative-report --log_dir {tmp_path}"


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
