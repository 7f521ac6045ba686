import importlib.util
import json
import pickle
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from conftest import ROOT

import datasets
import export
import finished_run
import formats
import inference
import model_card
import predictors
import runtimes
import training
import verification
from experiments import ExperimentConfig
from models import EnsembleModel
from resnet import ResNetConfig, build_resnet


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """What a run on some digits leaves, with chosen scores."""
    config = ExperimentConfig(members=("ST", "ST"), epochs=1, truncate=64)
    directory = tmp_path_factory.mktemp("run")
    members = training.build_members(config, (8, 8, 1), 10)
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


@pytest.fixture(scope="module")
def plain():
    """A small plain model whose outputs spread."""
    member = build_resnet(ResNetConfig(2, 1, 4), (8, 8, 1), 3, "small", seed=1)
    other = build_resnet(ResNetConfig(2, 1, 4), (8, 8, 1), 3, "other", seed=2)
    return inference.plain_model(EnsembleModel([member, other]), "small")


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


def fake_process(monkeypatch, outputs):
    latency = {"alone": 1.0, "batch": 1.0, "cores": 1}
    monkeypatch.setattr(
        verification, "run_in_a_fresh_process", lambda *_: (outputs, latency)
    )


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


def test_the_card_says_what_it_is(run_dir, plain, tmp_path):
    run = finished_run.read(run_dir)
    (tmp_path / "model.onnx").write_bytes(b"12345")
    options = {"member": "ST", "format": "onnx", "softmax": False, "quantize": "int8"}
    checked = {
        "images": 2000,
        "int8_error": 0.0525,
        "float32_error": 0.05,
        "latency_ms": {"alone": 0.5, "batch": 0.25, "cores": 2},
    }
    scores = run.test_scores("ST")
    metadata = model_card.describe(
        run, plain, options, scores, checked, tmp_path / "model.onnx"
    )
    directory = tmp_path / "ST-onnx-int8"
    directory.mkdir()
    model_card.write(directory, metadata)
    read = json.loads((directory / "metadata.json").read_text())
    assert read["bytes"] == 5 and read["parameters"] == plain.count_params()
    assert read["input"] == {
        "shape": [None, 8, 8, 1],
        "dtype": "float32",
        "range": [0, 255],
    }
    card = " ".join((directory / "model_card.md").read_text().split())
    for text in (
        "# ST for digits (onnx int8)",
        "logits",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "64 training images of `digits` (pooled split",
        "float32 `[batch, 8, 8, 1]`, values 0..255",
        "collaborating by L2 with weight 0.01",
        "Epochs: 1; batches of 64 images",
        "test error 25.00 %, test cost (mean cross-entropy) 0.5000",
        "2,000 test images",
        "error 5.00 -> 5.25 %",
        "8-bit",
        "a part of the data",
    ):
        assert text in card
    assert model_card.table(tmp_path).splitlines()[1].split()[0] == "ST-onnx-int8"


def test_what_differs_is_refused_and_removed(run_dir, tmp_path, command, monkeypatch):
    fake_process(monkeypatch, np.zeros((64, 10), np.float32))
    status, out, err = command("--run", run_dir, "--output_dir", tmp_path)
    assert (status, out, len(err)) == (1, "", 1)
    assert "outputs differ by" in err[0] and "the model it was made of" in err[0]
    assert not list(tmp_path.iterdir())


def test_the_fresh_process_has_none_of_our_code(run_dir):
    with pytest.raises(verification.VerificationFailed, match="without our code"):
        verification.run_in_a_fresh_process("keras", run_dir / "model.keras", digits(2))


@pytest.mark.parametrize(
    "form, tolerance",
    [("saved_model", 1e-5), ("litert", 1e-4), ("onnx", 1e-4)],
)
def test_formats_give_the_same_answers(form, tolerance, plain, tmp_path):
    for module in runtimes.PACKAGES[form] | formats._CONVERTERS.get(form, {}):
        pytest.importorskip(module)
    path = tmp_path / formats.FILES[form]
    formats.write(plain, path, form)
    function = runtimes.load(form, path)
    for count in (1, 5):  # any number of images at once
        images = digits(count).astype(np.float32)
        assert np.ptp(plain(images)) > 0.1
        np.testing.assert_allclose(function(images), plain(images), atol=tolerance)


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_int8_is_smaller_and_near(form, tmp_path):
    for module in runtimes.PACKAGES[form] | formats._CONVERTERS.get(form, {}):
        pytest.importorskip(module)
    he = keras.initializers.HeNormal
    big = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(32, 3, kernel_initializer=he(1)),
            keras.layers.Conv2D(64, 3, kernel_initializer=he(2)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, kernel_initializer=he(3)),
        ],
        name="big",
    )
    for kind, calibration in (("float", None), ("int8", digits(50))):
        formats.write(big, tmp_path / kind, form, calibration)
    sizes = [(tmp_path / kind).stat().st_size for kind in ("float", "int8")]
    assert sizes[1] < 0.5 * sizes[0]
    images = digits(20).astype(np.float32)
    near, exact = runtimes.load(form, tmp_path / "int8")(images), np.array(big(images))
    assert near.dtype == np.float32
    difference = np.abs(near - exact).max()
    assert 0 < difference < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize("wrong, passes", [(0, True), (2, True), (3, False)])
def test_int8_may_lose_half_a_point(wrong, passes, monkeypatch):
    labels = np.zeros(400, np.int64)
    right = np.tile(np.float32([1, 0]), (400, 1))
    int8 = right.copy()
    int8[:wrong] = [0, 1]
    fake_process(monkeypatch, int8)
    examples = datasets.Examples(np.zeros((400, 1, 1, 1), np.uint8), labels)

    def expected(images):
        return np.tile(np.float32([1, 0]), (len(images), 1))

    if passes:
        checked = verification.verify_int8("onnx", "x", expected, examples)
        assert checked["int8_error"] == wrong / 400 and checked["float32_error"] == 0
    else:
        with pytest.raises(verification.VerificationFailed, match=r"0\.75 % of 400"):
            verification.verify_int8("onnx", "x", expected, examples)


@pytest.mark.parametrize(
    "outputs, message",
    [
        ([[5.0, 0.0]], None),
        ([[5.0004, 0.0]], None),  # 1e-4 of 5
        ([[5.001, 0.0]], "differ by 0.001 from the model it was made of's, allowed"),
        ([[np.nan, 0.0]], "differ by nan"),
        ([[5.0, 0.0, 0.0]], r"shape \(1, 3\), those of the model"),
    ],
)
def test_float_outputs_must_agree(outputs, message, monkeypatch):
    fake_process(monkeypatch, np.array(outputs, np.float32))
    arguments = ("onnx", "x", *[lambda _: np.float32([[5.0, 0.0]])] * 2)
    images = np.zeros((1, 8, 8, 1), np.uint8)
    if message is None:
        verification.verify_float(*arguments, images, "float32")
    else:
        with pytest.raises(verification.VerificationFailed, match=message):
            verification.verify_float(*arguments, images, "float32")


def test_mixed_precision_may_differ_more_from_the_trained_model(monkeypatch):
    fake_process(monkeypatch, np.float32([[5.0, 0.0]]))
    images = np.zeros((1, 8, 8, 1), np.uint8)
    expected, trained = (lambda _, x=x: np.float32([[x, 0]]) for x in (5.0, 5.1))
    checked = verification.verify_float("onnx", "x", expected, trained, images,
                                        "bfloat16")  # fmt: skip
    assert checked["largest_difference_from_trained"] == pytest.approx(0.1, abs=1e-5)
    with pytest.raises(verification.VerificationFailed, match="the trained model"):
        verification.verify_float("onnx", "x", expected, trained, images, "float32")


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ((), 2, "--run"),
        (("--run", "gone"), 1, "gone holds no finished run: there is no config.json"),
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
