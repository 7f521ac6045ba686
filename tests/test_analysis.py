"""Runs as one tidy table, what is left out of it, and the command that reports them."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, processor_seconds
from finished_runs import load, synthetic_curves, write_run
from report_command import command

from collaborative import analysis
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import run_table


def test_a_tidy_table(tmp_path):
    config = ExperimentConfig("cifar10", method="CE", alpha=0.1, seed=3)
    write_run(tmp_path, config)
    runs, left_out = load(tmp_path)
    assert left_out == []
    assert list(runs.columns) == list(run_table.COLUMNS)
    assert len(runs) == 3 * 30
    models = synthetic_curves(config)
    for name, curves in models.items():
        mine = runs[runs["model"] == name]
        assert list(mine["epoch"]) == list(range(1, 31))
        for column in (*run_table.MEASURED, *run_table.RUNNING):
            np.testing.assert_array_equal(mine[column], curves[column])
    first = runs.iloc[0]
    assert tuple(first[["dataset", "members", "method", "alpha", "seed"]]) == (
        "cifar10", "ST-M", "CE", 0.1, 3,
    )  # fmt: skip
    assert first["setting"] == "" and first["seconds"] == 30
    assert first["command"] == "run_experiments.py --dataset cifar10"
    assert (first["versions"], first["revision"]) == ("keras 3.15", "abc+")


def test_other_settings_are_told_apart(tmp_path):
    write_run(tmp_path / "a", ExperimentConfig("mnist"))
    write_run(tmp_path / "b", ExperimentConfig("mnist", epochs=2, truncate=64))
    write_run(tmp_path / "c", ExperimentConfig("mnist", reduction="released"))
    write_run(tmp_path / "d", ExperimentConfig("mnist", members=("M",)))
    runs, _ = load(tmp_path)
    settings = runs.drop_duplicates("run")["setting"].tolist()
    assert settings == [
        "",
        "epochs 2, truncate 64",
        "reduction released",
        "members M",
    ]
    assert len(run_table.missing_experiments(runs)) == 38


def damage_pickle(run_dir):
    path = run_dir / "stats.pkl"
    path.write_bytes(path.read_bytes()[:-20])


def run_code(run_dir):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(run_dir / "code_ran"),))

    (run_dir / "stats.pkl").write_bytes(pickle.dumps({"models": Bomb()}))


def change_config(run_dir):
    path = run_dir / "config.json"
    path.write_text(path.read_text().replace('"seed": 912', '"seed": 913'))


def name_a_network_of_one_s_own(run_dir):
    path = run_dir / "config.json"
    path.write_text(path.read_text().replace('"M"', '"own"'))


@pytest.mark.parametrize(
    "damage, message",
    [
        (damage_pickle, "stats.pkl: not a pickle of plain statistics"),
        (run_code, "it asks for posix.mkdir"),
        (lambda d: (d / "config.json").unlink(), "no config.json beside it"),
        (lambda d: (d / "config.json").write_text("{"), "config.json beside it is dam"),
        (lambda d: (d / "config.json").write_text('{"config": {"x": 1}}'), "damaged"),
        (lambda d: (d / "config.json").write_bytes(b"\xff"), "damaged"),
        (change_config, "config.json beside it is of another run"),
        (
            name_a_network_of_one_s_own,
            "config.json beside it has a setting that is not known here (members must",
        ),
        (lambda d: (d / "stats.pkl").unlink(), "beside it: no epoch was finished"),
        (
            lambda d: (d / "stats.pkl").rename(d / "model.keras"),
            "no stats.pkl beside it",
        ),
        (lambda d: (d / "stats.pkl").rename(d / "x.pkl"), "x.pkl: not a file of a run"),
    ],
)
def test_files_that_are_left_out(damage, message, tmp_path):
    write_run(tmp_path, ExperimentConfig("mnist", seed=1))
    run_dir = write_run(tmp_path, ExperimentConfig("mnist"))
    damage(run_dir)
    runs, left_out = load(tmp_path)
    assert runs["seed"].unique() == [1]
    assert any(message in line for line in left_out), left_out
    assert all("seed_912" in line and "\n" not in line for line in left_out)
    assert not (run_dir / "code_ran").exists()


def test_runs_on_other_data_are_told(tmp_path):
    """Of the first run's settings of the data, with its seed or another one."""
    data = {"data": {"train": 5, "test": 3}, "class_names": ["a", "b"]}
    configs = [
        ExperimentConfig("mnist"),
        ExperimentConfig("mnist", method="Single"),  # no labels are recorded
        ExperimentConfig("mnist", seed=1),  # shuffled by its seed
        ExperimentConfig("mnist", alpha=0.1),
        ExperimentConfig("mnist", alpha=0.1, seed=2),
        ExperimentConfig("mnist", truncate=4, seed=2),
    ]
    marks = [{"labels": "x"}, {}, {"labels": "y"}, {"labels": "z"}, {}, {}]
    for number, (config, mark) in enumerate(zip(configs, marks, strict=True)):
        run_dir = write_run(tmp_path, config)
        path = run_dir / "config.json"
        of_data = data | {"fingerprint": mark}
        if number >= 4:
            of_data |= {"data": {"train": 4, "test": 3}}
        path.write_text(json.dumps(json.loads(path.read_text()) | of_data))
    runs, said = load(tmp_path)
    assert runs["run"].nunique() == len(configs)
    first = "mnist/ST-M/L2_0.01/seed_912"
    assert said == [
        "compared, but from mnist/ST-M/L2_0.01/seed_1 to mnist/ST-M/L2_0.1/seed_2 data "
        "changed: it had 5 train, 3 test images, here are 4 train, 3 "
        "test",
        f"compared, but from {first} to mnist/ST-M/L2_0.1/seed_912 data changed: its "
        "images are others, or in another order",
    ]


def test_unfinished_short_and_double_runs_are_left_out(tmp_path):
    write_run(tmp_path / "a", ExperimentConfig("mnist"))
    write_run(tmp_path / "b", ExperimentConfig("mnist", jit="on"))
    write_run(tmp_path, ExperimentConfig("mnist", seed=1), end_time=None)
    config = ExperimentConfig("mnist", seed=2)
    models = synthetic_curves(ExperimentConfig("mnist", seed=2, epochs=29))
    write_run(tmp_path, config, models)
    runs, left_out = load(tmp_path)
    assert runs["run"].nunique() == 1
    text = "\n".join(left_out)
    assert "the same experiment as a" in text
    assert "not finished: 30 of 30 epochs" in text
    assert "no whole curves of ST over 30 epochs" in text
    assert len(left_out) == 3


def test_a_run_that_a_callback_ended_counts_with_its_last_epoch(tmp_path):
    config = ExperimentConfig("mnist", epochs=4, callbacks=("es",))
    ended = synthetic_curves(ExperimentConfig("mnist", epochs=2))
    write_run(tmp_path, config, ended, seconds=np.ones(2))
    runs, left_out = load(tmp_path)
    assert not left_out and runs["epoch"].max() == 2
    final = run_table.final_epochs(runs).set_index("model")["test_error"]
    assert final.to_dict() == {m: c["test_error"][-1] for m, c in ended.items()}


def test_errors_are_one_line(tmp_path, python):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "dir" / "index.html").mkdir(parents=True)
    (tmp_path / "mine" / "index.html").write_text("mine")
    output = ("--output_dir", tmp_path / "report", "--noimages", "--nolatency")
    for arguments, status, message in [
        (("--log_dir", tmp_path / "none", *output), 1, "there is no directory"),
        (("--log_dir", tmp_path / "empty", *output), 1, "no finished run below"),
        (("--paper", "--output_dir", tmp_path / "file"), 2, "must be a directory"),
        (("--paper", "--output_dir", "/proc/none"), 1, "/proc/none"),
        (("--paper", "--output_dir", tmp_path / "mine"), 1, "is no report, and would"),
        (("--paper", "--output_dir", tmp_path / "dir"), 1, "is no report, and would"),
        (("--papr",), 2, "there is no flag '--papr'"),
        (("logs",), 2, "got 'logs', which is no flag"),
    ]:
        result = python(ROOT / "analysis.py", *arguments)
        assert result.returncode == status, result
        assert message in result.stderr and len(result.stderr.splitlines()) == 1
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"


def test_help_is_quick_and_complete():
    start = processor_seconds()
    result = command("--help")
    assert processor_seconds() - start < 3
    assert result.returncode == 0
    for flag in analysis.FLAGS:
        assert flag in result.stdout


def test_tables_and_claims_need_no_tensorflow():
    code = (
        "import sys; from collaborative.runs import author_runs, run_table;"
        "from collaborative.report import figures, tables;"
        "from collaborative.report.claims import verdicts;"
        "run_table.load_runs('tests'); verdicts.check_all(author_runs.load());"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
