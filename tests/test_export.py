import importlib.util
import json
import pickle
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from conftest import ROOT

import building
import datasets
import export
import finished_run
import inference
import model_card
import predictors
import records
import verification
from experiments import ExperimentConfig
from models import EnsembleModel


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """What a run on some digits leaves, with chosen scores."""
    config = ExperimentConfig(members=("ST", "ST"), epochs=1, truncate=64)
    directory = tmp_path_factory.mktemp("run")
    members = building.build_members(config, (8, 8, 1), 10)
    for member in members:
        moments = member.layers[1]  # of the images
        moments.set_weights([np.float32([80]), np.float32([100**2])])
    EnsembleModel(members).save(directory / "model.keras")
    record = {
        "config": config.to_json(),
        "data": {"train": 64, "validation": 0, "test": 64},
        "class_names": list("0123456789"),
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "git_revision": "abc",
        "device": "a processor",
    }
    (directory / "config.json").write_text(json.dumps(record))
    scores = {"test_error": np.array([0.9, 0.25]), "test_cost": np.array([2.3, 0.5])}
    statistics = {
        "params": config.to_json(),
        "start_time": 0.0,
        "end_time": 1.0,
        "totals": {},
    }
    statistics["models"] = dict.fromkeys(("ST", "ST_2", "ensemble"), scores)
    (directory / "stats.pkl").write_bytes(pickle.dumps(statistics, protocol=4))
    return directory


@pytest.fixture
def command(capsys):
    """Runs the command in this process: (exit status, stdout, lines of stderr)."""

    def run(*arguments):
        try:
            status = export.main(["export.py", *map(str, arguments)])
        except SystemExit as error:
            status = error.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    yield run
    for flag in export.FLAGS:
        export.FLAGS[flag].unparse()


def digits(count):
    return datasets.load("digits").test.images[:count]


def test_an_exported_member(run_dir, tmp_path, command):
    status, out, err = command("--run", run_dir, "--member", "ST_2", "--softmax",
                               "--output_dir", tmp_path)  # fmt: skip
    assert (status, err) == (0, [])
    directory = tmp_path / "ST_2-softmax-keras"
    path, header, row = out.splitlines()
    assert path == str(directory)
    assert header.split("  ")[-1].strip() == "check"
    size = (directory / "model.keras").stat().st_size
    assert row.split()[:3] == [directory.name, f"{size:,}", "41,796"]
    names = {"model.keras", "model_card.md", "metadata.json"}
    assert {p.name for p in directory.iterdir()} == names
    card = " ".join((directory / "model_card.md").read_text().split())
    assert "64 test images in a process without the code that trained it: its" in card
    assert "outputs differ from the network's by" in card
    assert [p.name for p in tmp_path.iterdir()] == [directory.name]
    # Its answers are those of the member in the run's own model.
    images = digits(8).astype(np.float32)
    trained = keras.models.load_model(run_dir / "model.keras")
    logits = np.array(trained.members[1](images), np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    artifact = keras.models.load_model(directory / "model.keras")
    np.testing.assert_allclose(artifact(images), expected, atol=1e-5)
    predictor = predictors.load(directory)
    assert predictor.class_names == tuple("0123456789")
    probabilities = predictor.probabilities(list(digits(8)))
    np.testing.assert_allclose(probabilities["ST_2"], expected, atol=1e-5)


RECORDED = {
    "models": {
        "ST": {"nll": 0.51239, "brier": 0.25, "ece": 0.0325},
        "ensemble": {"nll": 0.4, "brier": 0.2, "ece": 0.01},
    },
    "disagreement": 0.07,
    "gain": 0.0165,
    "foreign": "mnist",
    "detection": {"ST": 0.9115, "ensemble": 0.9398},
}
CHECKED = {
    "images": 2000,
    "int8_error": 0.0525,
    "float32_error": 0.05,
    "changed_answers": 0.0125,
    "latency_ms": {"alone": 0.5, "batch": 0.25, "cores": 2},
}


def read_run(run_dir, copy, evaluation):
    """A copy of a run that has recorded `evaluation`, read back."""
    shutil.copytree(run_dir, copy)
    statistics = records.read_statistics(copy / "stats.pkl")
    statistics["evaluation"] = evaluation
    (copy / "stats.pkl").write_bytes(pickle.dumps(statistics, protocol=4))
    return finished_run.read(copy)


def described(run, member, artifact):
    """(metadata as read back, card on one line) of an int8 ONNX artifact."""
    plain = inference.plain_model(inference.load_trained(run.model_path), member)
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"12345")
    options = {"member": member, "format": "onnx", "softmax": False, "quantize": "int8"}
    scores = run.test_scores(member)
    model_card.write(
        artifact.parent,
        model_card.describe(run, plain, options, scores, CHECKED, artifact),
    )
    metadata = json.loads((artifact.parent / "metadata.json").read_text())
    return metadata, " ".join((artifact.parent / "model_card.md").read_text().split())


def test_the_card_says_what_it_is(run_dir, tmp_path):
    run = finished_run.read(run_dir)
    metadata, card = described(run, "ST", tmp_path / "ST-onnx-int8" / "model.onnx")
    assert (metadata["bytes"], metadata["parameters"]) == (5, 41_796)
    assert metadata["input"]["shape"] == [None, 8, 8, 1]
    for text in (
        "# ST for digits (onnx int8)",
        "logits",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "64 training images of `digits` (pooled split",
        "float32 `[batch, 8, 8, 1]`, values 0..255",
        "collaborating by L2 with weight 0.01",
        "Epochs: 1; batches of 64 images",
        "test error 25.00 %, test cost (mean cross-entropy) 0.5000",
        "NLL, Brier score and calibration were not recorded by this run",
        "2,000 test images",
        "it misclassifies 5.25 % of them, and the float32 network 5.00 %",
        "not measured on other images than those of `digits`.",
        "8-bit integers: 1.25 % of its answers",
        "a part of the data",
    ):
        assert text in card
    row = model_card.table(tmp_path).splitlines()[1]
    assert row.startswith("ST-onnx-int8 ") and row.endswith("error 5.00 -> 5.25 %")


def test_the_card_has_the_scores_beyond_the_error(run_dir, tmp_path):
    run = read_run(run_dir, tmp_path / "run", RECORDED)
    expected = {
        "ST": (
            "NLL 0.5124; Brier score 0.2500 (0 is best, 2 worst); expected calibration "
            "error 3.25 %",
            "those of `mnist`, whose classes it has not learnt, with an AUROC of 0.911",
            "not measured on other images than those of `digits` and `mnist`.",
        ),
        "ensemble": (
            "NLL 0.4000; Brier score 0.2000 (0 is best, 2 worst); expected calibration "
            "error 1.00 %",
            "disagree on 7.00 % of the test images.",
            "their mean error less its own, is 1.65 points.",
            "an AUROC of 0.940",
        ),
    }
    for member, texts in expected.items():
        metadata, card = described(run, member, tmp_path / member / "model.onnx")
        for text in texts:
            assert text in card
        assert "not recorded" not in card
        assert ("disagree" in card) == (member == "ensemble")
    assert metadata["scores"] == {
        "test_error": 0.25,
        "test_cost": 0.5,
        "nll": 0.4,
        "brier": 0.2,
        "ece": 0.01,
        "disagreement": 0.07,
        "gain": 0.0165,
        "auroc": 0.9398,
        "foreign": "mnist",
    }


def test_a_run_that_was_not_tried_on_foreign_images(run_dir, tmp_path):
    without = {k: v for k, v in RECORDED.items() if k not in ("foreign", "detection")}
    run = read_run(run_dir, tmp_path / "run", without)
    _, card = described(run, "ST", tmp_path / "ST" / "model.onnx")
    assert "NLL 0.5124" in card and "AUROC" not in card
    with pytest.raises(finished_run.UnusableRun, match="no scores of ST_2: 'ST_2'"):
        run.test_scores("ST_2")


def test_what_differs_is_refused_and_removed(run_dir, tmp_path, command, monkeypatch):
    zeros = np.zeros((64, 10), np.float32), {}
    monkeypatch.setattr(verification, "run_in_a_fresh_process", lambda *_: zeros)
    status, out, err = command("--run", run_dir, "--output_dir", tmp_path)
    assert (status, out, len(err)) == (1, "", 1)
    assert "outputs differ by" in err[0] and "the model it was made of" in err[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    number, run_dir, tmp_path, command, monkeypatch
):
    monkeypatch.setattr(
        verification, "run_in_a_fresh_process", lambda *_: signal.raise_signal(number)
    )
    status, out, err = command("--run", run_dir, "--output_dir", tmp_path)
    assert (status, out) == (128 + number, "")
    assert len(err) == 1 and "interrupted; nothing was exported" in err[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ((), 2, "--run"),
        (("--run", "gone"), 1, "gone holds no finished run: there is no config.json"),
        (("--run", "a" * 300), 1, "File name too long"),
        (("--run", "RUN", "--member", "M"), 2, "one of ST, ST_2, ensemble, got 'M'"),
        (("--run", "RUN", "--format", "pmml"), 2, "keras|saved_model|litert|onnx"),
        (("--run", "RUN", "--quantize", "int8"), 2, "litert or onnx, got keras"),
        (("--run", "RUN", "--quantize", "int4"), 2, "int8"),
        (("--run", "RUN", "ST"), 2, "got 'ST', which is no flag"),
        (("--run", "RUN", "--output_dir", "/proc/none"), 1, "/proc/none"),
    ],
)
def test_one_line_for_a_person(arguments, status, message, run_dir, command):
    given = [run_dir if a == "RUN" else a for a in arguments]
    got, out, err = command(*given)
    assert (got, out, len(err)) == (status, "", 1)
    assert message in err[0]


def test_a_missing_package_is_named(run_dir, command, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "onnxruntime" else find(name, *rest),
    )
    status, _, err = command("--run", run_dir, "--format", "onnx")
    assert (status, len(err)) == (1, 1)
    assert "onnxruntime" in err[0] and "pip install -e '.[export]'" in err[0]


def test_other_data_than_the_run_had(run_dir, tmp_path, command):
    other = tmp_path / "run"
    other.mkdir()
    for name in ("model.keras", "stats.pkl"):
        (other / name).write_bytes((run_dir / name).read_bytes())
    record = json.loads((run_dir / "config.json").read_text())
    record["data"]["test"] = 63
    (other / "config.json").write_text(json.dumps(record))
    status, _, err = command("--run", other)
    assert (status, len(err)) == (1, 1)
    assert "digits is not as the run had it" in err[0]


@pytest.mark.parametrize("script", ["export.py", "predict.py"])
def test_help_is_quick(script):
    start = time.perf_counter()
    text = subprocess.check_output([sys.executable, ROOT / script, "--help"], text=True)
    # A third of a second here; the bound leaves room for a busy machine.
    assert time.perf_counter() - start < 3
    assert {"export.py": "--quantize", "predict.py": "--[no]json"}[script] in text
