"""The wheel, installed over the environment and used far from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

SOURCES = ("collaborative", "paper", "setup.cfg", "setup.py", "pyproject.toml")
# Modules of a user's own, under names that ours had once, or that others have.
FOREIGN = ("models", "metrics", "datasets", "tables", "records", "files")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the sources alone."""
    sources = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    for path in [*ROOT.glob("*.py"), ROOT / "README.md", ROOT / "LICENSE"]:
        shutil.copy(path, sources)
    pip("wheel", "--no-build-isolation", "--wheel-dir", sources / "dist", sources)
    (built,) = sources.glob("dist/*.whl")
    return built


def pip(command, *arguments):
    options = ("--quiet", "--no-deps", "--disable-pip-version-check", "--no-index")
    subprocess.run(
        [sys.executable, "-m", "pip", command, *options, *map(str, arguments)],
        check=True,
    )


@pytest.fixture(scope="module")
def away(wheel, tmp_path_factory, python):
    """Runs a command that the wheel installs, in a folder with modules of its own."""
    installed = tmp_path_factory.mktemp("installed")
    pip("install", "--no-compile", "--target", installed, wheel)
    folder = tmp_path_factory.mktemp("away")
    for name in FOREIGN:
        (folder / f"{name}.py").write_text("raise RuntimeError('not the one meant')")

    def run(name, *arguments):
        path = os.pathsep.join([str(installed), str(folder)])
        process = python(
            installed / "bin" / f"collaborative-{name}",
            *arguments,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert process.returncode == 0, process.stderr[-2000:]
        return process.stdout

    run.folder, run.installed = folder, installed
    return run


def test_it_holds_one_package_and_all_of_its_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "collaborative"
    }
    wanted = [path for path in ROOT.glob("collaborative/**/*") if path.is_file()]
    wanted += [*ROOT.glob("*.py"), *ROOT.glob("paper/*")]
    for path in wanted:
        inside = path.relative_to(ROOT).as_posix()
        if "__pycache__" not in inside and inside != "setup.py":
            assert f"collaborative/{inside.removeprefix('collaborative/')}" in names


def test_it_trains_reports_exports_and_predicts(away):
    quick = ("--truncate", "200", "--epochs", "1", "--members", "ST")
    trained = away("train", "--dataset", "digits", *quick)
    assert "digits, pooled split: 200 train, 200 test images" in trained
    (run,) = away.folder.glob("logs/digits/ST/*/seed_912")
    assert '"git_revision": null' in (run / "config.json").read_text()
    away("report", "--noimages", "--nolatency")
    assert "Section 6.1" in (away.folder / "report" / "index.html").read_text() or (
        "section 6.1" in (away.folder / "report" / "index.html").read_text()
    )
    away("export", "--run", run, "--member", "ST")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(away.folder / "black.png")
    for model in (run, run / "export" / "ST-keras"):
        assert "black.png" in away("predict", "--model", model, "black.png")


@pytest.mark.slow
def test_a_sweep_finds_the_command(away):
    quick = ("--truncate", "128", "--epochs", "1", "--members", "ST", "--jobs", "2")
    swept = away("train", "--seeds", "1,2", "--log_dir", "sweep", *quick)
    assert "2 of 2 experiments finished" in swept
