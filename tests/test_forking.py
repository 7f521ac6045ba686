"""Forks that stand for processes in tests do what processes do."""

import os
import signal
import subprocess

import pytest
from conftest import ROOT

WAITS = """
import signal, sys, time
def end(*_):
    print("ends", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
print("waits", flush=True)
while True:
    time.sleep(0.01)  # a signal just before a sleep is handled after it
"""


@pytest.fixture
def waiting(python):
    """A process that waits for SIGTERM, started by the executable."""
    command = [python.program, "-c", WAITS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waits\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    "code, status, said",
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(5)", 5, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
    ],
)
def test_statuses(code, status, said, python):
    done = python("-c", code)
    assert done.returncode == status and done.stderr.endswith(said)
    assert bool(done.stderr) == bool(said)


def test_sigterm_is_passed_on_and_waited_for(waiting):
    waiting.terminate()
    assert waiting.communicate(timeout=30)[0] == "ends\n"
    assert waiting.returncode == 3


def test_a_program_ends_with_who_asked_for_it(waiting):
    waiting.kill()
    assert waiting.stdout.read() == "ends\n"  # to its end, which is the program's


def test_a_module_may_run_without_the_folder_that_it_is_run_in(python, tmp_path):
    (tmp_path / "inner.py").write_text("import sys; print(__name__, *sys.argv[1:])")
    code = """
import subprocess, sys
command = [sys.executable, "-P", "-m", "inner", "--flag"]
done = subprocess.run(command, capture_output=True, text=True)
print(done.stdout + done.stderr)
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    assert python("-c", code, env=environment).stdout == "__main__ --flag\n\n"
    environment["PYTHONPATH"] = ""
    assert (
        "No module named inner"
        in python("-c", code, cwd=tmp_path, env=environment).stdout
    )


def test_what_it_starts_is_a_fork_that_may_be_isolated(python, tmp_path):
    inner = tmp_path / "inner.py"
    inner.write_text("import sys; print('keras' in sys.modules, *sys.path[:2])")
    code = (
        "import subprocess, sys\n"
        "for options in [], ['-I']:\n"
        f"    subprocess.run([sys.executable, *options, {str(inner)!r}], check=True)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    plain, isolated = python("-c", code, env=environment).stdout.splitlines()
    assert plain == f"True {tmp_path} {ROOT}"
    assert isolated.startswith("True ") and str(ROOT) not in isolated.split()
