import os
import subprocess
import sys

import pytest
from conftest import ROOT

import command_line


def test_a_reader_that_has_seen_enough(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    script = "import command_line; command_line.show('text')"
    process = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize(
    "error, said",
    [
        (ValueError("\nwhat\nwhy"), "what"),
        (ValueError(), "ValueError"),
        (PermissionError(13, "Permission denied", "x.png"), "Permission denied"),
    ],
)
def test_what_an_error_says(error, said):
    assert command_line.first_line(error) == said
