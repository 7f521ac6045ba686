import functools
import importlib.util
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import small_models
from conftest import ROOT

from collaborative import datasets, export, models
from collaborative.deployment import model_card, predictors, verification


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, export)


def digits(count):
    return datasets.load("digits").test.images[:count]


def test_an_exported_member(digits_run, tmp_path, command, forked):
    status, out, err = command("--run", digits_run, "--member", "ST_2", "--softmax",
                               "--output_dir", tmp_path)  # fmt: skip
    assert (status, err) == (0, [])
    directory = tmp_path / "ST_2-softmax-keras"
    path, header, row = out.splitlines()
    assert path == str(directory)
    assert header.split("  ")[-1].strip() == "check"
    size = (directory / "model.keras").stat().st_size
    assert row.split()[:3] == [directory.name, f"{size:,}", "41,796"]
    names = {"model.keras", "README.md", "metadata.json", "labels.txt"}
    assert {p.name for p in directory.iterdir()} == names
    card = " ".join((directory / "README.md").read_text().split())
    assert "64 test images in a process without the code that trained it: its" in card
    assert "outputs differ from the network's by" in card
    assert [p.name for p in tmp_path.iterdir()] == [directory.name]
    # Its answers are those of the member in the run's own model.
    images = digits(8).astype(np.float32)
    trained = keras.models.load_model(digits_run / "model.keras")
    logits = np.array(trained.members[1](images), np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    artifact = keras.models.load_model(directory / "model.keras")
    np.testing.assert_allclose(artifact(images), expected, atol=1e-5)
    predictor = predictors.load(directory)
    assert predictor.class_names == tuple("0123456789")
    probabilities = predictor.probabilities(list(digits(8)))
    np.testing.assert_allclose(probabilities["ST_2"], expected, atol=1e-5)


def test_what_differs_is_refused_and_removed(
    digits_run, tmp_path, command, monkeypatch
):
    zeros = np.zeros((64, 10), np.float32), {}
    monkeypatch.setattr(verification, "run_in_a_fresh_process", lambda *_: zeros)
    status, out, err = command("--run", digits_run, "--output_dir", tmp_path)
    assert (status, out, len(err)) == (1, "", 1)
    assert "outputs differ by" in err[0] and "the model it was made of" in err[0]
    assert not list(tmp_path.iterdir())


def test_one_network_alone_need_not_be_named(
    digits_run, tmp_path, command, monkeypatch
):
    run_dir = shutil.copytree(digits_run, tmp_path / "run")
    record = json.loads((run_dir / "config.json").read_text())
    record["config"] |= {"members": ["ST"], "method": "Single", "alpha": 0.0}
    (run_dir / "config.json").write_text(json.dumps(record))
    statistics = pickle.loads((run_dir / "stats.pkl").read_bytes())
    statistics["params"] = record["config"]
    (run_dir / "stats.pkl").write_bytes(pickle.dumps(statistics))
    monkeypatch.setattr(export, "export", lambda *_: export.FLAGS.member)
    assert command("--run", digits_run) == (0, "ensemble\n", [])
    # What a page compares with has to have that member too.
    flags = ("--run", digits_run, "--format", "web", "--compare", run_dir)
    status, out, err = command(*flags)
    assert (status, out) == (2, "") and "must be one of ST in" in err[0]
    assert command("--run", run_dir) == (0, "ST\n", [])


def test_a_run_without_its_statistics_is_refused_at_once(
    digits_run, tmp_path, command, monkeypatch
):
    run_dir = shutil.copytree(digits_run, tmp_path / "run")
    (run_dir / "stats.pkl").unlink()
    monkeypatch.setattr(export, "opened", None)
    status, out, err = command("--run", run_dir, "--member", "ST")
    assert (status, out) == (1, "")
    said = f"no scores of ST: there is no {run_dir / 'stats.pkl'}; put it back, or "
    assert len(err) == 1 and said in err[0]


def test_files_of_another_run_are_refused(digits_run, tmp_path, command):
    run_dir = shutil.copytree(digits_run, tmp_path / "run")
    small_models.linear("a").save(run_dir / "model.keras")
    arguments = ("--run", run_dir, "--member", "ST")
    status, out, err = command(*arguments)
    assert (status, out, len(err)) == (1, "", 1)
    said = f"{run_dir / 'model.keras'} is not the run's own: its members"
    assert said in err[0]
    with pytest.raises(models.UnusableModel, match=said):
        predictors.load(run_dir)
    statistics = pickle.loads((run_dir / "stats.pkl").read_bytes())
    statistics["params"]["seed"] += 1
    (run_dir / "stats.pkl").write_bytes(pickle.dumps(statistics))
    status, out, err = command(*arguments)
    assert (status, out, len(err)) == (1, "", 1)
    assert f"{run_dir / 'stats.pkl'} is of another run: put its own back" in err[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    number, digits_run, tmp_path, command, monkeypatch
):
    monkeypatch.setattr(
        verification, "run_in_a_fresh_process", lambda *_: signal.raise_signal(number)
    )
    status, out, err = command("--run", digits_run, "--output_dir", tmp_path)
    assert (status, out) == (128 + number, "")
    assert len(err) == 1 and "interrupted; nothing was exported" in err[0]
    assert not list(tmp_path.iterdir())


def test_what_was_ready_when_all_formats_are_interrupted_is_not_denied(
    digits_run, tmp_path, command, monkeypatch
):
    monkeypatch.setattr(export, "export", lambda *_: signal.raise_signal(signal.SIGINT))
    given = "--run", digits_run, "--format", "all", "--output_dir", tmp_path
    status, out, err = command(*given)
    assert (status, out, len(err)) == (130, "", 1)
    assert err[0].endswith("interrupted; formats that were ready before stay")


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ((), 2, "--run"),
        (("--run", "gone"), 1, "gone holds no finished run: there is no config.json"),
        (("--run", "a" * 300), 1, "File name too long"),
        (("--run", "RUN", "--tolerance", "5"), 2, "--tolerance is for --quantize"),
        (("--run", "RUN", "--member", "M"), 2, "of ST, ST_2, ensemble in RUN, got 'M'"),
        (
            ("--run", "RUN", "--format", "pmml"),
            2,
            "onnx, openvino, coreml, web, all, got 'pmml'",
        ),
        (("--run", "RUN", "--quantize", "int8"), 2, "litert or onnx, got keras"),
        (
            ("--run", "RUN", "--format", "onnx", "--batch", "257"),
            2,
            "--batch must be an integer in the range [1, 256], got '257'",
        ),
        (("--run", "RUN", "--quantize", "int4"), 2, "int8"),
        (("--run", "RUN", "ST"), 2, "got 'ST', which is no flag"),
        (("--run", "RUN", "--output_dir", "/proc/none"), 1, "/proc/none"),
        (("--run", "RUN", "--output_dir", __file__), 2, f"got the file {__file__}"),
    ],
)
def test_one_line_for_a_person(arguments, status, message, digits_run, command):
    given = [digits_run if a == "RUN" else a for a in arguments]
    got, out, err = command(*given)
    assert (got, out, len(err)) == (status, "", 1)
    assert message.replace("RUN", str(digits_run)) in err[0]


def test_a_missing_package_is_named(digits_run, command, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "onnxruntime" else find(name, *rest),
    )
    status, _, err = command("--run", digits_run, "--format", "onnx")
    assert (status, len(err)) == (1, 1)
    assert "onnxruntime" in err[0] and "pip install -e '.[export]'" in err[0]


def test_other_data_than_the_run_had(digits_run, tmp_path, command):
    other = tmp_path / "run"
    other.mkdir()
    for name in ("model.keras", "stats.pkl"):
        (other / name).write_bytes((digits_run / name).read_bytes())
    record = json.loads((digits_run / "config.json").read_text())
    record["data"]["test"] = 63
    (other / "config.json").write_text(json.dumps(record))
    status, _, err = command("--run", other)
    assert (status, len(err)) == (1, 1)
    assert "digits is not as the run had it" in err[0]


def earlier(place, **said):
    """Makes a folder as an earlier export has left it."""
    place.mkdir()
    for name in ("model.keras", "README.md"):
        (place / name).write_text("written before")
    (place / "metadata.json").write_text(json.dumps({"member": "ST", **said}))


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("mine", [".", "notes.txt", "assets/notes.txt"])
def test_what_others_have_where_an_export_goes_stays(
    mine, beside, digits_run, tmp_path, command
):
    """A file, or one in a folder, also beside what an export has left there."""
    place = tmp_path / "ST-keras"
    theirs = place / mine
    if beside and mine != ".":
        earlier(place, files=["README.md", "metadata.json", "model.keras"])
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("mine")
    arguments = ("--run", digits_run, "--member", "ST", "--output_dir", tmp_path)
    status, out, err = command(*arguments)
    assert (status, out, len(err)) == (1, "", 1) and theirs.read_text() == "mine"
    assert "was not exported, and would be lost: move it away" in err[0]
    assert f"{place} was" in err[0] and (mine == "." or f"{mine} in" in err[0])


def test_an_export_takes_the_place_of_an_earlier_one(
    digits_run, tmp_path, command, forked
):
    """Where a link leads as well; of one that did not yet say what it wrote, too."""
    place = tmp_path / "real"
    earlier(place)
    (tmp_path / "ST-keras").symlink_to(place)
    arguments = ("--run", digits_run, "--member", "ST", "--output_dir", tmp_path)
    status, _, _ = command(*arguments)
    assert status == 0 and (tmp_path / "ST-keras").readlink() == place
    assert (place / "README.md").read_text() != "written before"
    files = json.loads((place / "metadata.json").read_text())["files"]
    assert set(files) == {path.name for path in place.iterdir()}


def test_what_comes_meanwhile_stays(digits_run, tmp_path, command, forked, monkeypatch):
    theirs, write = tmp_path / "ST-keras" / "notes.txt", model_card.write

    def writing(*arguments):
        theirs.parent.mkdir(exist_ok=True)
        theirs.write_text("mine")
        write(*arguments)

    monkeypatch.setattr(model_card, "write", writing)
    status, _, err = command("--run", digits_run, "--member", "ST",
                             "--output_dir", tmp_path)  # fmt: skip
    assert (status, len(err)) == (1, 1) and theirs.read_text() == "mine"
    assert "notes.txt in" in err[0] and os.listdir(theirs.parent) == ["notes.txt"]


def test_a_table_of_all_formats_takes_no_file_s_place(digits_run, tmp_path, command):
    (tmp_path / "ST-all.txt").write_text("mine")
    status, out, err = command("--run", digits_run, "--member", "ST", "--format", "all",
                               "--output_dir", tmp_path)  # fmt: skip
    assert (status, out, len(err)) == (1, "", 1)
    assert f"{tmp_path / 'ST-all.txt'} was not exported, and would be lost" in err[0]
    assert os.listdir(tmp_path) == ["ST-all.txt"]


def test_classes_in_another_order_are_refused(digits_run, tmp_path, command):
    """These are names of what the network gives, and change no order."""
    file = tmp_path / "labels.txt"
    file.write_text("\n".join("9876543210"))
    status, _, err = command("--run", digits_run, "--labels", file)
    assert (status, len(err)) == (2, 1)
    assert f"{file} has the classes of {digits_run} in another order" in err[0]


@pytest.mark.parametrize("script", ["export.py", "predict.py"])
def test_help_is_quick(script):
    start = time.perf_counter()
    text = subprocess.check_output([sys.executable, ROOT / script, "--help"], text=True)
    # A third of a second here; the bound leaves room for a busy machine.
    assert time.perf_counter() - start < 3
    assert {"export.py": "--quantize", "predict.py": "--[no]json"}[script] in text
