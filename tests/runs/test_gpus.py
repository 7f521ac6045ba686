"""Sharing GPUs, with programs in the place of NVIDIA's."""

import os
import pathlib
import subprocess
import sys

import pytest

from collaborative.runs import gpus

# Notes what it is asked for, and where.
CONTROL = """#!/bin/sh
test "$1" = -d && word=start || read word
echo "$word $CUDA_MPS_PIPE_DIRECTORY" >> "{log}"
test -d "$CUDA_MPS_LOG_DIRECTORY" || exit 3
{more}
"""


def put(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder on the path, without a daemon; nothing of this machine's driver."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def asked(programs):
    """Has a daemon; a function that gives what it was asked for."""
    log = programs / "asked"
    put(programs, "nvidia-cuda-mps-control", CONTROL.format(log=log, more=""))
    return lambda: [line.split() for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    "shown, names",
    [("0,1", ["0", "1"]), ("GPU-ab", ["GPU-ab"]), ("", []), ("-1", [])],
)
def test_visible_gpus(monkeypatch, shown, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert gpus.visible() == names


def test_gpus_are_listed_by_the_driver(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: H100'\necho 'GPU 1: H100'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus.visible() == ["0", "1"]
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert gpus.visible() == []


def test_models_are_what_the_driver_says(programs):
    wanted = "#!/bin/sh\n[ $1 = --query-gpu=name ] || exit 9\n"
    put(programs, "nvidia-smi", f"{wanted}printf 'NVIDIA L4\\nH100\\nNVIDIA L4\\n\\n'")
    assert gpus.product_names() == ["H100", "NVIDIA L4"]
    put(programs, "nvidia-smi", "#!/bin/sh\nexit 9\n")
    assert gpus.product_names() == []


def test_a_daemon_of_its_own_which_ends_with_the_block(asked):
    with gpus.shared(["3", "5"], 8) as (names, environment):
        pipes = environment["CUDA_MPS_PIPE_DIRECTORY"]
        assert names == ["0", "1"] and os.path.isdir(pipes)
        assert asked() == [["start", pipes]]
    assert asked() == [["start", pipes], ["quit", pipes]]
    assert not os.path.exists(pipes)


SWEEP = """
import os, signal, sys, time
from collaborative.runs import gpus
from collaborative.system import interruption
with interruption.raising(), gpus.shared(["0"], 2):
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_ends_it_too(asked, number):
    root = pathlib.Path(gpus.__file__).parents[2]
    subprocess.run([sys.executable, "-c", SWEEP, str(number)], cwd=root, check=False)
    assert [word for word, _ in asked()] == ["start", "quit"]


@pytest.mark.parametrize("names, jobs", [([], 8), (["0"], 1), (["0", "1"], 2)])
def test_no_daemon_where_no_gpu_is_shared(asked, programs, names, jobs):
    with gpus.shared(names, jobs) as (given, environment):
        assert (given, environment) == (names, {})
    assert not (programs / "asked").exists()


def test_a_daemon_of_the_person_is_used(asked, programs, monkeypatch):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/tmp/theirs")
    with gpus.shared(["0"], 8) as (names, environment):
        assert (names, environment) == (["0"], {})
    assert not (programs / "asked").exists()


def test_what_is_said_without_one(programs, monkeypatch):
    monkeypatch.setattr(gpus, "_DAEMON", "no-such-daemon")
    said = []
    with gpus.shared(["0"], 8, said.append) as (names, environment):
        assert (names, environment) == (["0"], {})
    assert said == [
        "experiments take turns on a GPU: no-such-daemon is not here to start"
    ]
    assert gpus.jobs_that_pay(["0", "1"]) == 2


def test_what_is_said_of_one_that_fails(programs):
    more = "echo no permission; exit 1"
    log = programs / "asked"
    put(programs, "nvidia-cuda-mps-control", CONTROL.format(log=log, more=more))
    said = []
    with gpus.shared(["0"], 8, said.append) as (names, environment):
        assert (names, environment) == (["0"], {})
    assert said == [
        "experiments take turns on a GPU: nvidia-cuda-mps-control says no permission"
    ]


@pytest.mark.parametrize(
    "memory, jobs", [("81559", 8), ("24000", 2), ("8000", 1), ("81559\n24000", 2)]
)
def test_as_many_jobs_as_pay(asked, programs, memory, jobs):
    put(programs, "nvidia-smi", f"#!/bin/sh\nprintf '{memory}'\n")
    assert gpus.jobs_that_pay(["0"]) == jobs
    assert gpus.jobs_that_pay(["0", "1"]) == 2 * jobs
