import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from conftest import ROOT

pytest.importorskip("ray", reason="needs the extra cluster")
psutil = pytest.importorskip("psutil")
ADDRESS = "127.0.0.1:26379"


@pytest.fixture
def cluster():
    """A Ray cluster of one machine with two cores to give."""
    directory = tempfile.mkdtemp(prefix="ray")  # paths of sockets must be short
    ray = str(pathlib.Path(sys.executable).parent / "ray")
    start = (
        f"start --head --num-cpus=2 --node-ip-address=127.0.0.1 --port=26379 "
        f"--include-dashboard=false --disable-usage-stats --temp-dir={directory}"
    )
    subprocess.run([ray, *start.split()], check=True, capture_output=True)
    yield
    subprocess.run([ray, "stop", "--force"], check=True, capture_output=True)
    shutil.rmtree(directory)


def workers():
    """Processes in which Ray runs a task of ours."""
    return [p for p in psutil.process_iter() if "run_to_end" in " ".join(_line(p))]


def _line(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.slow
def test_a_cluster_survives_the_loss_of_a_worker(cluster, tmp_path):
    log_dir = tmp_path / "logs"
    process = subprocess.Popen(
        [sys.executable, "run_experiments.py", "--members=ST", "--seeds=1,2,3",
         "--truncate=128", "--epochs=20", f"--ray={ADDRESS}", f"--log_dir={log_dir}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not list(log_dir.rglob("stats.pkl")):
        time.sleep(0.2)
    assert process.poll() is None
    busy = workers()
    assert busy
    os.kill(busy[0].pid, signal.SIGKILL)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert "3 of 3 experiments finished" in output
    configs = list(log_dir.rglob("config.json"))
    assert len(configs) == 3
    assert {json.loads(path.read_text())["threads"] for path in configs} == {1}


@pytest.mark.slow
def test_an_interruption_lets_the_tasks_save(cluster, tmp_path):
    log_dir = tmp_path / "logs"
    process = subprocess.Popen(
        [sys.executable, "run_experiments.py", "--members=ST", "--seeds=1,2",
         "--truncate=128", "--epochs=500", f"--ray={ADDRESS}", f"--log_dir={log_dir}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and len(list(log_dir.rglob("stats.pkl"))) < 2:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and len(error.splitlines()) == 1
    assert not [p for p in psutil.process_iter() if str(log_dir) in " ".join(_line(p))]
    outputs = list(log_dir.rglob("output.log"))
    assert len(outputs) == 2
    for path in outputs:
        assert "interrupted; the same command goes on" in path.read_text()
        assert list(path.parent.rglob("epoch_*.npz"))


def test_no_cluster_is_said_in_one_line(tmp_path):
    run = subprocess.run(
        [sys.executable, "run_experiments.py", "--ray=127.0.0.1:1",
         f"--log_dir={tmp_path}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("run_experiments.py: no Ray cluster")
