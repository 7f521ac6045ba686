import contextlib
import copy
import errno
import io
import os
import subprocess
import sys

import pytest
import tensorflow as tf
from absl import flags
from conftest import ROOT

from collaborative import analysis, costs, export, predict, run_experiments
from collaborative.experiments import flags as experiment_flags
from collaborative.system import command_line
from collaborative.system.errors import reason_of


def test_a_reader_that_has_seen_enough(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    script = "from collaborative.system import command_line; command_line.show('text')"
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
    assert reason_of(error) == said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line(number, capsys):
    with pytest.raises(SystemExit) as raised, command_line.one_line_errors("logs", ""):
        raise OSError(number, os.strerror(number))
    assert raised.value.code == 1
    said = f"{os.strerror(number)}: logs: make room, and the same command goes on\n"
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_the_status_is_told_where_no_line_can_be(monkeypatch):
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        with pytest.raises(SystemExit) as raised:
            command_line.fail("no space", 1)
        monkeypatch.undo()
        assert raised.value.code == 1
        with contextlib.suppress(OSError):
            full.close()


COSTS = """
from collaborative import register
import tensorflow as tf


@register("L4")
def fourth_powers(g1, g2):
    return tf.reduce_sum((g1 - g2) ** 4, axis=-1)
"""


TWICE = """
from collaborative import register
@register("own")
def cost(g1, g2):
    pass
@register("own")
def cost(g1, g2):
    pass
"""


@pytest.fixture
def own_cost(tmp_path):
    path = tmp_path / "my costs.py"
    path.write_text(COSTS)
    yield path
    costs.METHODS.pop("L4", None)


def test_a_cost_from_a_file_of_one_s_own(own_cost, fresh_flags):
    argv = ["x", "--plugin", str(own_cost), "--method", "L4,L2", "--alpha", "0.5"]
    command_line.parse(argv, experiment_flags.FLAGS, "")
    first, _ = experiment_flags.configs()
    assert (first.method, first.alpha) == ("L4", 0.5)
    g1, g2 = tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 1.0]])
    assert first.collaboration.cost([g1, g2]) == 16 + 1


def parse_plugin(path):
    """What a command that has no other flag does with a plugin."""
    flag_values = flags.FlagValues()
    command_line.define_plugin_flag(flag_values)
    command_line.parse(["x", "--plugin", str(path)], flag_values, "")


@pytest.mark.parametrize(
    "path, said", [(".", "got the directory "), (os.devnull, "got what is no file, ")]
)
def test_what_is_no_plugin(path, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse_plugin(path)
    said = f"--plugin must be a Python file, {said}{os.path.abspath(path)}\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_plugin_can_be_interrupted(tmp_path, capsys, registered):
    path = tmp_path / "slow.py"
    path.write_text("import signal\nsignal.raise_signal(signal.SIGINT)")
    with pytest.raises(SystemExit, match="130"):
        parse_plugin(path)
    assert capsys.readouterr().err.endswith(": interrupted in the plugin\n")


def test_a_line_is_cut_where_nobody_would_read_it(capsys):
    with pytest.raises(SystemExit, match="1"):
        command_line.fail("a" * 5000 + "b", 1)
    message = capsys.readouterr().err
    assert len(message) < 1600 and message.endswith("ab\n") and " ... " in message


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "must be a Python file, and there is no"),
        ("1 +", "SyntaxError: invalid syntax"),
        (
            "\nimport nothing_of_the_kind",
            "line 2: ModuleNotFoundError: No module",
        ),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        (TWICE, "line 6: ValueError: the method 'own' is registered twice"),
        (
            "from collaborative import register\nregister('L2')(print)",
            "ValueError: there is a method 'L2' already",
        ),
        (
            "from collaborative import register\nregister('a,b')(print)",
            "ValueError: a method's name must be of letters",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used(tmp_path, capsys, registered, content, said):
    path = tmp_path / "costs.py"
    if content:
        path.write_text(content)
    with pytest.raises(SystemExit, match="2"):
        parse_plugin(path)
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1


@pytest.mark.parametrize(
    "command, names",
    [
        (analysis, "log_dir output_dir data_dir manual_dir"),
        (predict, "model labels"),
        (run_experiments, "log_dir init_from data_dir manual_dir"),
        (
            export,
            "run model data labels compare onnxruntime_web output_dir data_dir "
            "manual_dir",
        ),
    ],
)
def test_a_path_may_begin_with_the_home(command, names):
    parsed, names = copy.deepcopy(command.FLAGS), names.split()
    command_line.parse(["x", *(f"--{name}=~/x" for name in names)], parsed, "")
    assert {parsed[n].value for n in names} == {os.path.expanduser("~/x")}


def test_a_flag_that_is_needed(capsys):
    flag_values = flags.FlagValues()
    flags.DEFINE_string("run", None, "Directory of a run.", flag_values=flag_values)
    with pytest.raises(SystemExit, match="2"):
        command_line.parse(["x"], flag_values, "", needed="run")
    assert "--run is needed: Directory of a run.\n" in capsys.readouterr().err
    assert command_line.parse(["x", "--run=a"], flag_values, "", needed="run") == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--flagfile"], "--flagfile with no argument"),
        (["--flagfile=none"], "a file of flags: No such file or directory: none"),
        (["--flagfile=."], "a file of flags: Is a directory: ."),
        (["--flagfile=binary"], "a file of flags, got one that is no UTF-8 text"),
        (["--toleranc=1"], "there is no flag '--toleranc'; did you mean --tolerance?"),
        (["--flagfile=spaced"], "flag '--member M'; did you mean --member=M?"),
        (["--x\ny=1"], r"there is no flag '--x\ny'; see --help"),
        ([f"--{'x' * 3000}"], "there is no flag "),
        (["--nosoftmax=a\nb"], r"--nosoftmax=a\nb does not take an argument"),
        (["--tolerance=nan"], "--tolerance must be a number in the range [0.0, 100.0]"),
        (["--tolerance=101"], "must be a number in the range [0.0, 100.0], got '101'"),
        (["--batch=" + "1" * 5000], f"in the range [1, 256], got '{'1' * 77}...'"),
        (["--run="], "--run must be a path, got ''"),
        (["--run=a\nb"], r"a\nb"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spaced").write_text("--member M\n")
    (tmp_path / "binary").write_bytes(b"--member=M\n\xff\xfe")
    monkeypatch.setattr(export, "FLAGS", copy.deepcopy(export.FLAGS))
    with pytest.raises(SystemExit, match=r"[12]"):
        export.main(["export.py", *arguments])
    message = capsys.readouterr().err
    assert said in message and len(message.splitlines()) == 1 and len(message) < 300


@pytest.mark.parametrize(
    "encoding, shown",
    [
        ("ascii", rb"\u4e2d \xe9 \udcff"),
        ("latin-1", b"\\u4e2d \xe9 \\udcff"),
        ("utf-8", "中 é \\udcff".encode()),
    ],
)
def test_what_the_locale_cannot_print_is_escaped(encoding, shown, monkeypatch):
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding))
    command_line.show("中 é \udcff")
    assert bytes_.getvalue() == shown + b"\n"
