"""The examples: quickly at each change, as they are where it is slow to."""

import contextlib
import importlib
import io
import os
import pathlib
import runpy
import subprocess
import sys

import pytest
from conftest import ROOT

from collaborative.experiments import flags as experiment_flags

EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "mutual_learning_notebook.ipynb"
# What each prints in any case, whatever its numbers are.
PRINTS = {
    "own_models": ["test error in %", "small alone, from"],
    "own_pictures": ["$ python predict.py"],
    "own_cost": ["L2.0 is L2, and so are its gradients", "the weights are the same"],
    "averaged_weights": ["epoch   weights  averages"],
    "label_noise": ["40%"],
}
# Edits of the quick variants, by example: pairs of a text and that in its place.
EDITS = {
    "own_models": [
        ("EPOCHS = 30", "EPOCHS = 1"),
        ("(1, 2, 3)", "(1,)"),
        ("order[:300], order[300:]", "order[:64], order[-64:]"),
    ],
    "own_pictures": [("PICTURES = 600", "PICTURES = 90")],
    "own_cost": [
        ("EPOCHS = 15", "EPOCHS = 1"),
        ('"L1", "L1.5", "L2"', '"L1.5"'),
        ("slice(300), slice(300, None)", "slice(64), slice(-64, None)"),
    ],
    "averaged_weights": [
        ("EPOCHS = 10", "EPOCHS = 2"),
        ("slice(1200), slice(1200, None)", "slice(64), slice(-64, None)"),
    ],
    "label_noise": [("NOISE = (0.0, 0.4)", "NOISE = (0.4,)")],
}
ARGUMENTS = {"label_noise": ["--epochs", "1", "--seeds", "1", "--truncate", "128"]}


def edited(name, folder):
    """A copy of an example with its edits; each text is there once."""
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    for old, new in EDITS[name]:
        assert text.count(old) == 1, f"{name} does not have once: {old}"
        text = text.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def parsed(program, real=subprocess.run, **options):
    """Takes `python -m collaborative.NAME …` apart, and leaves a run's directory."""
    if program[:2] != [sys.executable, "-m"]:
        return real(program, **options)
    assert options == {"check": True}
    module = importlib.import_module(program[2])
    try:
        module.FLAGS(program[2:])
        if program[2].endswith("run_experiments"):
            (config,) = experiment_flags.configs()
            config.run_dir(module.FLAGS.log_dir).mkdir(parents=True)
    finally:
        for flag in module.FLAGS:
            module.FLAGS[flag].unparse()


@pytest.fixture
def quick(monkeypatch, registered, small_runs, tmp_path):
    """Runs the quick variant of an example in this process; what it prints.

    Steps are not traced, which takes longer than the few that there are. Commands have
    tests of their own, and are taken apart only.
    """
    import tensorflow as tf

    from collaborative import resnet

    monkeypatch.setitem(resnet.PRESETS, "M", resnet.PRESETS["ST"])
    monkeypatch.setattr(subprocess, "run", parsed)
    monkeypatch.chdir(tmp_path)
    tf.config.run_functions_eagerly(True)

    def run(name):
        path = edited(name, tmp_path)
        monkeypatch.setattr(sys, "argv", [path.name, *ARGUMENTS.get(name, ())])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(path), run_name="__main__")
        return printed.getvalue()

    yield run
    tf.config.run_functions_eagerly(False)


def test_every_example_is_run_and_named_in_the_overview():
    there = {path.stem for path in EXAMPLES.glob("*.py")}
    assert there == set(PRINTS) == set(EDITS)
    overview = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.*"):
        assert path.name == "README.md" or f"({path.name})" in overview


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs_quickly(name, quick):
    printed = quick(name)
    for text in PRINTS[name]:
        assert text in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs_as_it_is(name, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for text in [*PRINTS[name], *["accuracy on"] * (name == "own_pictures")]:
        assert text in done.stdout


def environment(tmp_path):
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


@pytest.mark.parametrize("name", ["own_cost", "averaged_weights"])
def test_an_example_is_a_plugin(name, registered, small_runs, run_command, tmp_path):
    from collaborative import run_experiments

    method = ("--method", "L1.5") if name == "own_cost" else ()
    status, _, _ = run_command(
        run_experiments,
        *("--plugin", EXAMPLES / f"{name}.py", "--log_dir", tmp_path, *method),
        *("--members", "ST,ST", "--epochs", "1", "--truncate", "64"),
    )
    assert status == 0
    (directory,) = tmp_path.glob("digits/ST-ST/*")
    assert ("L1.5" if method else "callbacks=ema") in directory.name


def test_the_notebook_is_its_source():
    jupytext, nbformat = (pytest.importorskip(n) for n in ("jupytext", "nbformat"))
    source = jupytext.read(EXAMPLES / "own_models.py")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ]
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in code)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    nbclient, nbformat = (pytest.importorskip(n) for n in ("nbclient", "nbformat"))
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    printed = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stdout"
    )
    for text in PRINTS["own_models"]:
        assert text in printed
    assert pathlib.Path(tmp_path, "logs", "own_models", "small.keras").is_file()
