"""Each script of benchmarks/ runs, with the least that it can measure."""

import importlib
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import ROOT

SMALL_STEP = f"""
import sys
sys.path[:0] = [{str(ROOT / "benchmarks")!r}, {str(ROOT)!r}]
from collaborative import resnet
small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
resnet.PRESETS.update(ST=small, M=small)
import training_step
training_step.matrix_product_speed.__defaults__ = (64, 1)  # size and repeats
training_step.tf.config.run_functions_eagerly(True)  # no graph for two steps
training_step.load = lambda load=training_step.load: load(images=256)
"""
AS_ON_A_GPU = """
training_step.environment.has_gpu = lambda: True
model, blocks = training_step.building.models.EnsembleModel, []
model.hold = lambda *given, hold=model.hold: blocks.append(given[2]) or hold(*given)
describe = training_step.environment.describe
training_step.environment.describe = lambda: {**describe(), "blocks": blocks}
"""


def small_step(tmp_path, python, further, *variants):
    """Runs training_step.py with small networks: the words it prints, its results."""
    script, path = tmp_path / "small_step.py", tmp_path / "step.json"
    script.write_text(SMALL_STEP + further + "training_step.main()")
    chosen = ("--cores", 1, "--variants", *variants)
    process = python(script, "--rounds=1", "--steps=2", "--json", path, *chosen)
    assert process.returncode == 0, process.stderr
    ((where, result),) = json.loads(path.read_text()).items()
    assert all(len(s) == 1 and s[0] > 0 for s in result["seconds"].values())
    lines = process.stdout.splitlines()
    assert lines[1] == f"{where}, {result['device']}"
    return [line.split() for line in lines[2:]], result


def test_training_step(tmp_path, python):
    """Of small networks, in the script's process and in the one that it starts."""
    said, _ = small_step(tmp_path, python, "", "float32")
    assert [words[0] for words in said] == ["stock", "float32"]
    assert said[0][-2] == "1.00"


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_training_step_compares_with_pytorch(tmp_path, python):
    said, result = small_step(tmp_path, python, "", "torch bfloat16")
    (ours,), (theirs,) = result["seconds"].values()
    assert [words[-3:-1] for words in said] == [
        ["1.00", f"{ours / theirs:.2f}"],
        [f"{theirs / ours:.2f}", "1.00"],
    ]


@pytest.mark.slow
def test_training_step_on_a_gpu(tmp_path, python):
    """What it would do with one: blocks, with patches and without."""
    variants = ("patches", "convolutions")
    said, result = small_step(tmp_path, python, AS_ON_A_GPU, "bfloat16", *variants)
    assert [words[0] for words in said] == ["stock", "bfloat16", *variants]
    assert result["blocks"] == [2, 2, 2]


OPTIMIZED = """HloModule block

%fused (p: f32[4]) -> f32[4] {
  ROOT %negated = f32[4]{0} negate(%p)
}

%step (s: (f32[4])) -> (f32[4]) {
  %one = f32[4]{0} get-tuple-element(%s), index=0
  %patches = f32[4]{0} fusion(%one), kind=kLoop, calls=%fused
  %product = f32[4]{0} fusion(%patches), kind=kCustom, calls=%fused, \
backend_config={"fusion_backend_config":{"kind":"__triton_nested_gemm_fusion"}}
  %c = (f32[4]{0}, u8[0]{0}) custom-call(%one), custom_call_target="__cudnn$convForward"
  %sum = f32[] fusion(%product), kind=kInput, calls=%fused
  %copied = f32[4]{0} copy(%one)
  ROOT %all = (f32[4]{0}) tuple(%copied)
}

ENTRY %main (p: f32[4]) -> (f32[4]) {
  %before = f32[4]{0} copy(%p)
  ROOT %looped = (f32[4]{0}) while(%before), condition=%fused, body=%step
}
"""


def test_gpu_kernels_counts_those_of_a_step(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    counts = importlib.import_module("gpu_kernels").kernels(OPTIMIZED)
    assert list(counts.values()) == [1, 1, 1, 2]


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("jax_cuda12_plugin") is None, reason="needs JAX"
)
def test_gpu_kernels():
    command = [
        sys.executable,
        ROOT / "benchmarks/gpu_kernels.py",
        "--variants=bfloat16",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    variant, kernels, products, convolutions, *_ = said.splitlines()[-1].split()
    assert variant == "bfloat16" and convolutions == "0"
    assert 60 < int(products) < int(kernels) < 700


@pytest.mark.slow
def test_overhead(benchmark):
    said = benchmark("overhead", "--images", 256, "--steps", 1)
    names = [line.split()[0] for line in said.splitlines()]
    assert names == [
        *("random,", "fit", "bare", "ratio", "epoch", "steps", "evaluation", "logs"),
        "peak",
    ]


@pytest.mark.slow
def test_startup():
    command = [sys.executable, ROOT / "benchmarks" / "startup.py", "--rounds=1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds = {line[:20].strip(): float(line[20:-1]) for line in said.splitlines()}
    parts = sum(seconds.values()) - seconds["--help"] - seconds["whole"]
    assert parts == pytest.approx(seconds["whole"], abs=0.1)
    assert seconds["import TensorFlow"] > 0.5 and seconds["first step"] > 0.1


@pytest.mark.slow
def test_growth(tmp_path, benchmark):
    benchmark(
        "growth", "--parts=members", "--points=1", "--steps=1", "--output", tmp_path
    )
    ((point, numbers),) = json.loads((tmp_path / "growth.json").read_text())["members"]
    assert point == {"members": ["ST"]}
    assert numbers["seconds a step"] > 0 and 0.2 < numbers["peak GiB"] < 3
    assert (tmp_path / "growth.png").stat().st_size > 1_000


@pytest.mark.slow
def test_faults(benchmark):
    said = benchmark("faults", "--kills", 1, "--epochs", 8, "--seed", 52)  # in training
    report = json.loads(said.splitlines()[-1])
    assert report["kills"] == 1 and report["runs"] >= 1
    assert not any(report[n] for n in ("epochs lost", "damaged files", "differences"))


def test_coverage(tmp_path, benchmark):
    said = benchmark("coverage", "--repetitions", 3, "--json", tmp_path / "c.json")
    assert said.split()[:2] == ["rest", "seeds"] and "usually, where" in said
    rows = json.loads((tmp_path / "c.json").read_text())
    assert len(rows) == 10 * 3 + 3 * 3 + 4 * 3
    for row in rows:
        assert all(
            0 <= row[k] <= 1 for k in ("all cover", "covers", "said") if k in row
        )


def test_a_failure_is_shown(python):
    process = python(ROOT / "benchmarks/startup.py", "--dataset=nothing_like_it")
    assert process.returncode == 1
    assert "there is no data set 'nothing_like_it'" in process.stderr


def test_aarch64_without_its_directory(python, tmp_path):
    process = python(ROOT / "benchmarks/aarch64.py", tmp_path / "gone")
    assert process.returncode == 1 and process.stdout == ""
    assert process.stderr.strip().endswith("is missing: see --help")


@pytest.mark.slow
def test_streaming(tmp_path, benchmark):
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(8, 8, 1)),
            "label": tfds.features.ClassLabel(num_classes=2),
        }
    )
    content = {"image": np.zeros((160, 8, 8, 1), np.uint8), "label": [0, 1] * 80}
    part = tf.data.Dataset.from_tensor_slices(content)
    tfds.dataset_builders.store_as_tfds_dataset(
        name="dark",
        version="1.0.0",
        features=features,
        data_dir=tmp_path,
        split_datasets={"train": part, "test": part},
    )
    options = ("--data_dir", tmp_path, "--dataset=dark", "--steps=2", "--rounds=1")
    said = benchmark("streaming", *options).splitlines()
    assert [line.split()[:3] for line in said[:2]] == [
        ["read", "from", "disk:"],
        ["read", "from", "memory:"],
    ]
    assert [line.split()[0] for line in said[2:]] == ["step"] * 3 + ["feed"] * 3
