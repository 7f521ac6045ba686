import subprocess
import sys
import types

import pytest

from collaborative.experiments import flags
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import pools
from collaborative.system import limits


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A stand-in for run_experiments.py that shows what it was started with."""
    path = tmp_path / "program.py"
    path.write_text(
        "import os, sys\n"
        "print(*sys.argv[1:])\n"
        "print('cores', *sorted(os.sched_getaffinity(0)))\n"
        "print('gpus', os.environ.get('CUDA_VISIBLE_DEVICES'),\n"
        " os.environ.get('CUDA_MPS_PIPE_DIRECTORY'))\n"
        "sys.exit(5)\n"
    )
    monkeypatch.setattr(pools, "PROGRAM", [str(path)])


@pytest.mark.parametrize(
    "config",
    [
        ExperimentConfig("mnist"),
        ExperimentConfig(members=("ST",), validation=7, precision="bfloat16"),
        ExperimentConfig("fashion_mnist", method="Single", learning_rate=0.3, seed=0),
        ExperimentConfig(members=("ST", '/a,b "c"/my.keras'), callbacks=("ema", "x")),
    ],
)
def test_a_command_asks_for_just_its_experiment(config, fresh_flags):
    options = {"log_dir": "some where", "data_dir": None}
    command = pools.command(config, options)
    assert command[:2] == [sys.executable, *pools.PROGRAM]
    flags.FLAGS(command[1:])
    assert flags.configs() == [config]
    assert flags.FLAGS.log_dir == "some where"


def test_processes_have_cores_of_their_own(tmp_path, program, monkeypatch):
    monkeypatch.setattr(limits, "has_quota", lambda: False)
    cores = limits.cores()
    if len(cores) < 2:
        pytest.skip("needs two cores")
    pool = pools.LocalPool(tmp_path, {}, slots=2, threads=1)
    for slot in (0, 1):
        config = ExperimentConfig(seed=slot)
        process = pool.start(config, slot)
        process.wait()
        assert process.poll() == 5
        lines = (config.run_dir(tmp_path) / "output.log").read_text().splitlines()
        assert "--threads=1" in lines[0].split()
        assert lines[1] == f"cores {cores[slot]}"


def test_processes_share_out_the_gpus(tmp_path, program):
    further = {"CUDA_MPS_PIPE_DIRECTORY": "/a/pipe"}
    pool = pools.LocalPool(tmp_path, {}, 3, 1, ["3", "5"], further)
    for slot, gpu in enumerate("353"):
        config = ExperimentConfig(seed=slot)
        pool.start(config, slot).wait()
        output = (config.run_dir(tmp_path) / "output.log").read_text()
        assert f"gpus {gpu} /a/pipe\n" in output


def test_a_process_that_does_not_end_is_killed():
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"deaf\n"
    process = pools.Process(child)
    process.terminate()
    process.wait(0.5)
    assert process.poll() == -9


def test_a_quota_leaves_processes_where_the_system_puts_them(
    tmp_path, program, monkeypatch
):
    monkeypatch.setattr(limits, "has_quota", lambda: True)
    config = ExperimentConfig()
    pools.LocalPool(tmp_path, {}, slots=1, threads=1).start(config, 0).wait()
    lines = (config.run_dir(tmp_path) / "output.log").read_text().splitlines()
    assert lines[1] == " ".join(["cores", *map(str, limits.cores())])


SAVES_WHEN_TOLD = """
import pathlib, signal, sys, time

def save(number, frame):
    time.sleep(0.3)
    pathlib.Path(sys.argv[1]).touch()
    sys.exit()

signal.signal(signal.SIGTERM, save)
print("up", flush=True)
while True:
    time.sleep(0.01)  # a signal just before a sleep is handled after it
"""


def test_a_cancelled_task_lets_its_process_save_first(tmp_path, monkeypatch):
    """As soon as it has ended, Ray may kill its worker and all that runs below it."""
    log, saved = tmp_path / "log", tmp_path / "saved"

    def cancelled_once_it_is_up(seconds):
        while log.read_text() != "up\n":
            pass
        raise KeyboardInterrupt

    clock = types.SimpleNamespace(sleep=cancelled_once_it_is_up)
    monkeypatch.setattr(pools, "time", clock)
    with pytest.raises(KeyboardInterrupt):
        pools.run_to_end([sys.executable, "-c", SAVES_WHEN_TOLD, str(saved)], str(log))
    assert saved.exists()
