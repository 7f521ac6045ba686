"""predict.py on runs: what it prints of pictures and folders, and in which words."""

import csv
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from brightness_models import linear, softmax
from collaborative.models import EnsembleModel
from conftest import ROOT
from picture_files import RAMP, picture_file

from collaborative import predict
from collaborative.deployment import runtimes


def test_most_probable():
    probabilities = np.array([0.1, 0.6, 0.3])
    assert predict.most_probable(probabilities, ("a", "b", "c"), 2) == [
        {"class": "b", "probability": 0.6},
        {"class": "c", "probability": 0.3},
    ]
    assert len(predict.most_probable(probabilities, ("a", "b", "c"), 9)) == 3


@pytest.fixture
def run_dir(tmp_path):
    """A run's directory with an ensemble whose answers are known."""
    members = [linear("up", [0, 0, 0.01]), linear("down", [0.02, 0, 0])]
    directory = tmp_path / "run"
    directory.mkdir()
    EnsembleModel(members).save(directory / "model.keras")
    names = {"class_names": ["dark", "grey", "light"]}
    (directory / "config.json").write_text(json.dumps(names))
    return directory


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, predict)


def test_json_of_each_member_and_the_ensemble(run_dir, tmp_path, command):
    path = picture_file(tmp_path, np.full((9, 7), 100, np.uint8))
    (tmp_path / "bad.png").write_text("no picture")
    status, out, err = command(
        "--model", run_dir, "--json", "--top", 3, path, tmp_path / "bad.png"
    )
    output = json.loads(out)
    bad = str(tmp_path / "bad.png")
    assert status == 0 and err == [f"skipped {bad}: not a picture"]
    assert output["skipped"] == [{"file": bad, "reason": "not a picture"}]
    (picture,) = output["pictures"]
    assert picture["file"] == str(path)
    expected = {"up": [0, 0, 1], "down": [2, 0, 0], "ensemble": [1, 0, 0.5]}
    assert picture["predictions"].keys() == expected.keys()
    for name, logits in expected.items():
        got = {c["class"]: c["probability"] for c in picture["predictions"][name]}
        wanted = dict(zip(("dark", "grey", "light"), softmax(logits), strict=True))
        assert got == pytest.approx(wanted, abs=1e-5)


def test_table(run_dir, tmp_path, command):
    path = picture_file(tmp_path, np.full((8, 8), 100, np.uint8))
    status, out, err = command("--model", run_dir / "model.keras", "--top", 1, path)
    assert (status, err) == (0, [])
    assert [line.split() for line in out.splitlines()] == [
        ["picture", "by", "1."],
        [str(path), "up", "light", "57.6", "%"],
        ["down", "dark", "78.7", "%"],
        ["ensemble", "dark", "50.6", "%"],
    ]


def test_one_line_for_a_person(run_dir, tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.keras").write_text("no model")
    cases = [
        ((), 2, "--model"),
        (("--model", run_dir), 2, "name pictures or folders"),
        (("--model", run_dir, "--top", 0, "a.png"), 2, "positive"),
        (("--model", tmp_path / "gone", "a.png"), 1, "gone: No such file or directory"),
        (
            ("--model", tmp_path / "empty", "a.png"),
            1,
            "is no model: give the dir",
        ),
        (("--model", tmp_path / "text.keras", "a.png"), 1, "cannot be loaded"),
        (("--model", "a" * 300, "a.png"), 1, "File name too long"),
    ]
    for arguments, status, message in cases:
        got, out, err = command(*arguments)
        assert (got, out, len(err)) == (status, "", 1)
        assert message in err[0]
    got, out, err = command("--model", run_dir, tmp_path / "empty")
    assert (got, out) == (1, "") and "none of the pictures could be read" in err[1]


def test_interrupted_at_the_start(run_dir, command, monkeypatch):
    monkeypatch.setattr(
        predict.streams,
        "start_tensorflow",
        lambda: signal.raise_signal(signal.SIGINT),
    )
    status, out, err = command("--model", run_dir, "picture.png")
    assert (status, out, len(err)) == (130, "", 1)
    assert err[0].endswith("interrupted")


ODD_NAMES = ["中.png", os.fsdecode(b"\xff.png"), "a\nb.png"]


@pytest.fixture
def odd_pictures(tmp_path):
    """A folder of pictures with odd names, and of one file that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ODD_NAMES:
        picture_file(folder, RAMP, name=name)
    (folder / os.fsdecode(b"bad\xfe.png")).write_text("no picture")
    return folder


def assert_odd_names(out, as_json):
    """That all are in a table, escaped where need be, and in JSON."""
    assert "\\udcff.png" in out and "a\\nb.png" in out
    assert "中.png" in out or "\\u4e2d.png" in out
    assert len(out.splitlines()) == 1 + 3 * 3 + 2  # and the summary
    pictures = json.loads(as_json)["pictures"]
    assert {os.path.basename(one["file"]) for one in pictures} == set(ODD_NAMES)


def test_names_that_an_output_cannot_print(odd_pictures, run_dir, command, monkeypatch):
    said = []
    for form in ("--nojson", "--json"):
        output = io.TextIOWrapper(io.BytesIO(), "ascii")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            status, _, err = command(
                "--top=1", form, f"--model={run_dir}", odd_pictures
            )
        assert status == 0
        assert len(err) == 1 and "bad\\udcfe.png: not a picture" in err[0]
        said.append(output.buffer.getvalue().decode("ascii"))
    assert_odd_names(*said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}]
)
def test_names_that_the_locale_cannot_print(environment, run_dir, odd_pictures):
    twice = (
        "import sys; from collaborative import predict\n"
        "for form in ('--nojson', '--json'):\n"
        "    predict.main(['predict.py', '--top=1', form, *sys.argv[1:]])\n"
        "    print('----', flush=True)"
    )
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"}
    process = subprocess.run(
        [sys.executable, "-c", twice, f"--model={run_dir}", odd_pictures],
        capture_output=True, env=inherited | environment, cwd=ROOT,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    said = process.stderr.decode()
    assert said.count("bad\\udcfe.png: not a picture") == 2 and "Traceback" not in said
    encoding = "ascii" if "PYTHONIOENCODING" in environment else "utf-8"
    out, as_json, _ = process.stdout.decode(encoding).split("----\n")
    assert_odd_names(out, as_json)


@pytest.fixture
def class_folders(tmp_path):
    """Pictures in folders named by their classes: one of two light ones is dark."""
    for name, levels in {"dark": (0, 10), "light": (250, 5)}.items():
        folder = tmp_path / "labelled" / name
        folder.mkdir(parents=True)
        for level in levels:
            picture = picture_file(tmp_path, np.full((8, 8), level, np.uint8))
            picture.rename(folder / f"{level}.png")
    return tmp_path / "labelled"


def test_accuracy_of_class_folders(run_dir, class_folders, command):
    status, out, err = command("--model", run_dir, "--top", 1, class_folders)
    assert (status, err) == (0, [])
    assert "4 pictures, by ensemble: dark" in out
    accuracy = next(x for x in out.splitlines() if x.startswith("accuracy on 4 pict"))
    assert "ensemble" in accuracy
    scores = json.loads(command("--model", run_dir, "--json", class_folders)[1])
    assert scores["scores"]["pictures"] == 4
    assert scores["scores"]["accuracy"].keys() == {"up", "down", "ensemble"}
    assert {p["class"] for p in scores["pictures"]} == {"dark", "light"}


def test_csv(run_dir, class_folders, command):
    status, out, err = command("--model", run_dir, "--csv", "--top", 2, class_folders)
    rows = list(csv.DictReader(out.splitlines()))
    assert status == 0 and len(rows) == 4 * 3
    assert err[0].startswith("accuracy on 4 pictures")
    assert set(rows[0]) == {
        "file", "right", "by", "class_1", "probability_1", "class_2", "probability_2",
    }  # fmt: skip
    assert float(rows[0]["probability_1"]) >= float(rows[0]["probability_2"])
    both = command("--model", run_dir, "--csv", "--json", class_folders)
    assert both[0] == 2 and "choose --csv or --json" in both[2][0]


def test_names_of_one_s_own(run_dir, class_folders, tmp_path, command):
    labels = tmp_path / "names.txt"
    labels.write_text("black\nmiddle\nwhite\n")
    status, out, _ = command("--model", run_dir, "--labels", labels, class_folders)
    assert status == 0 and "black" in out and "accuracy" not in out
    labels.write_text("black\nwhite\n")
    status, _, err = command("--model", run_dir, "--labels", labels, class_folders)
    assert (status, len(err)) == (2, 1) and "has 2 names, and the model 3" in err[0]


@pytest.mark.parametrize("names", [["black", "white"], [1, 2, 3], "abc", {"a": 1}])
def test_a_record_with_other_classes_is_not_believed(
    names, run_dir, class_folders, tmp_path, command
):
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    record = json.loads((copy / "config.json").read_text())
    record |= {"class_names": names, "config": {"members": ["mine"]}, "versions": {}}
    (copy / "config.json").write_text(json.dumps(record))
    status, out, err = command("--model", copy, class_folders)
    assert (status, out, len(err)) == (1, "", 1)
    assert "not the names of 3 classes; give them with --labels" in err[0]
    labels = tmp_path / "names.txt"
    labels.write_text("black\nmiddle\nwhite\n")
    status, out, _ = command("--model", copy, "--labels", labels, class_folders)
    assert status == 0 and "black" in out


def test_names_of_classes_are_printed_on_one_line(
    run_dir, class_folders, tmp_path, command
):
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    record = json.loads((copy / "config.json").read_text())
    names = ["\x1b[31mred", "two\nlines", "white"]
    (copy / "config.json").write_text(json.dumps(record | {"class_names": names}))
    status, out, _ = command("--model", copy, "--top", 3, class_folders)
    assert status == 0 and "\x1b" not in out
    assert "\\x1b[31mred" in out and "two\\nlines" in out


def test_a_pipe_is_neither_model_nor_labels(run_dir, class_folders, tmp_path, command):
    """It would be read for ever."""
    pipe = tmp_path / "model.keras"
    os.mkfifo(pipe)
    for options in (("--model", pipe), ("--model", run_dir, "--labels", pipe)):
        status, out, err = command(*options, class_folders)
        assert status in (1, 2) and out == "" and len(err) == 1
        assert "is a pipe" in err[0]


def test_more_pictures_than_are_held_at_once(
    run_dir, class_folders, command, monkeypatch
):
    whole = command("--model", run_dir, "--csv", class_folders)[1]
    monkeypatch.setattr(runtimes, "BATCH", 3)
    assert command("--model", run_dir, "--csv", class_folders)[1] == whole
