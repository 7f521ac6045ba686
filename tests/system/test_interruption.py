import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from collaborative.system import files, interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_at_once(number):
    before = signal.getsignal(number)
    with pytest.raises(interruption.Interrupted) as raised, interruption.raising():
        os.kill(os.getpid(), number)
        raise AssertionError("went on")
    assert raised.value.status == 128 + number
    assert signal.getsignal(number) is before


def test_a_write_is_finished_first():
    steps = []
    with pytest.raises(interruption.Interrupted), interruption.raising():
        with interruption.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("written")
        steps.append("went on")
    assert steps == ["written"]


def test_a_lock_ends_with_its_process(tmp_path):
    """However it ends: nobody has to remove a stale lock."""
    code = (
        "from collaborative.system import files\nimport sys, time\n"
        f"with files.locked({str(tmp_path)!r}):\n"
        "    print('locked', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "locked\n"
    assert files.is_locked(tmp_path)
    with (
        pytest.raises(files.Busy, match="another process is writing to"),
        files.locked(tmp_path),
    ):
        pass
    process.kill()
    process.wait()
    assert not files.is_locked(tmp_path)
    with files.locked(tmp_path):
        assert files.is_locked(tmp_path)
