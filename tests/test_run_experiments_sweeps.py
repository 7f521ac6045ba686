"""Sweeps from the command line: what they start and say, and how what ends goes on."""

import json
import shlex
import subprocess
import sys
import time

import pytest
from conftest import ROOT, processor_seconds
from logged_runs import logged_run
from training_command import SCRIPT, command

from collaborative import run_experiments
from collaborative.experiments import flags
from collaborative.runs import failures, pools, sweep

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


def test_a_dry_run_is_quick_and_leaves_nothing(tmp_path):
    start = processor_seconds()
    run = command("--grid", "paper", "--dry_run", "--log_dir", tmp_path / "logs")
    assert processor_seconds() - start < 4
    lines = run.stdout.splitlines()
    assert len(lines) == 41 and lines[39] == "39 experiments: 39 to do"
    assert not (tmp_path / "logs").exists()


def test_without_ray_how_to_install_it(tmp_path, monkeypatch, capsys, fresh_flags):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit) as raised:
        run_experiments.main(["", "--ray=auto", f"--log_dir={tmp_path}"])
    error = capsys.readouterr().err
    assert raised.value.code == 1 and len(error.splitlines()) == 1
    assert "Ray must be installed: python -m pip install -e '.[cluster]'" in error


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
