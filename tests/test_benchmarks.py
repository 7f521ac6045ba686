"""Each script of benchmarks/ runs, with the least that it can measure."""

import importlib
import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import REAL_DATA, ROOT, needs_real_data

from collaborative import EnsembleModel, costs
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.recipes import RECIPES
from collaborative.nn import cifar_networks, networks, optimization

RESNET20 = next(iter(cifar_networks.NETWORKS))


@pytest.fixture
def benchmark(python):
    """Gives what a script prints; shows its errors where it fails."""

    def run(name, *options):
        process = python(ROOT / "benchmarks" / f"{name}.py", *options)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


SMALL_STEP = f"""
import sys
sys.path[:0] = [{str(ROOT / "benchmarks")!r}, {str(ROOT)!r}]
from collaborative import resnet
small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
resnet.PRESETS.update(ST=small, M=small)
import training_step
training_step.matrix_product_speed.__defaults__ = (64, 1)  # size and repeats
training_step.tf.config.run_functions_eagerly(True)  # no graph for two steps
training_step.main()
"""


def test_training_step(tmp_path, python):
    """Of small networks, in the script's process and in the one that it starts."""
    script, path = tmp_path / "small_step.py", tmp_path / "step.json"
    script.write_text(SMALL_STEP)
    chosen = ("--variants", "stock", "float32", "--cores", 1)
    process = python(script, "--rounds=1", "--steps=1", "--json", path, *chosen)
    assert process.returncode == 0, process.stderr
    assert [line.split()[1] for line in process.stdout.splitlines()] == [
        "variant",
        "stock",
        "float32",
    ]
    (result,) = json.loads(path.read_text()).values()
    assert all(len(s) == 1 and s[0] > 0 for s in result["seconds"].values())


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


@pytest.fixture
def pytorch(monkeypatch):
    """Imports a module of benchmarks/ that needs PyTorch."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def test_pytorch_step(pytorch):
    pytorch_step = pytorch("pytorch_step")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
    run = pytorch_step.stepper(
        images, rng.integers(0, 10, 4), bfloat16=False, compiled=False
    )
    run(1)


@pytest.mark.parametrize("name", ["L2", "KL"])
def test_pytorch_has_the_same_costs(name, pytorch):
    torch, pytorch_networks = pytorch("torch"), pytorch("pytorch_networks")
    g1, g2 = np.random.default_rng(0).normal(0, 2, (2, 5, 10)).astype("float32")
    ours = costs.METHODS[name].cost(tf.constant(g1), tf.constant(g2)).numpy()
    theirs = pytorch_networks.COSTS[name](torch.tensor(g1), torch.tensor(g2))
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-4)


@pytest.mark.parametrize("name", ["ST", "M", RESNET20])
def test_pytorch_has_the_same_networks(name, pytorch):
    """As many weights, and features that are as large."""
    torch, pytorch_networks = pytorch("torch"), pytorch("pytorch_networks")
    theirs = pytorch_networks.network(name)
    ours = networks.build_network(
        name, (32, 32, 3), 10, name=name, seed=0, dtype="float32"
    )
    assert sum(p.numel() for p in pytorch_networks.trainable(theirs)) == sum(
        np.prod(weight.shape) for weight in ours.trainable_weights
    )
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3))
    images = images.astype("float32")
    pooled = keras.Model(ours.inputs, ours.layers[-1].input)(images, training=True)
    others = theirs[:-1](torch.tensor(images).permute(0, 3, 1, 2)).detach().numpy()
    size = np.sqrt(np.mean(np.square(pooled)))
    assert np.sqrt(np.mean(others**2)) == pytest.approx(size, rel=0.5)


AXES = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}  # of our weights, as PyTorch has them


def give_weights(torch, ours, theirs):
    """Gives our weights to PyTorch's network, each to the next of its shape."""
    left = [p for p in theirs.parameters() if p.requires_grad]
    for weight in ours.trainable_weights:
        value = weight.numpy()
        value = value.transpose(*AXES[value.ndim])
        index = next(i for i, p in enumerate(left) if p.shape == value.shape)
        left.pop(index).data = torch.tensor(value)
    assert not left


@pytest.mark.parametrize("method", ["Single", "L2", "KL"])
def test_pytorch_has_the_same_total_cost(method, pytorch):
    """And its gradients, of equal weights, on equal images.

    ResNet-20 is left out: its strides pad elsewhere, see `cifar_networks`.
    """
    torch, pytorch_networks = pytorch("torch"), pytorch("pytorch_networks")
    names, decay = ("ST", "M"), 5e-3
    alpha = 0.0 if method == "Single" else 0.7
    members = [
        networks.build_network(
            name, (32, 32, 3), 10, name=name, seed=0, dtype="float32"
        )
        for name in names
    ]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, 32, 32, 3)).astype("float32")
    labels = rng.integers(0, 10, 16)
    model = EnsembleModel(members, method, alpha, decay)
    with tf.GradientTape() as tape:
        logits = [member(images, training=True) for member in members]
        cross_entropies = [
            tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, g))
            for g in logits
        ]
        ours = model.total_cost(cross_entropies, logits, labels)["loss"]
    gradients = tape.gradient(ours, members[0].trainable_weights)
    others = [pytorch_networks.network(name) for name in names]
    for member, other in zip(members, others, strict=True):
        give_weights(torch, member, other)
    cost = pytorch_networks.total_cost(others, method, alpha, decay)
    theirs = cost(torch.tensor(images).permute(0, 3, 1, 2), torch.tensor(labels))
    theirs.backward()
    assert theirs.item() == pytest.approx(float(ours), rel=1e-4)
    sizes = [float(tf.norm(g)) for g in gradients]
    found = [float(p.grad.norm()) for p in pytorch_networks.trainable(others[0])]
    np.testing.assert_allclose(sorted(found), sorted(sizes), rtol=1e-2)


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is not None, reason="PyTorch is there"
)
def test_without_pytorch(python):
    process = python(ROOT / "benchmarks/pytorch_run.py")
    assert process.returncode == 1
    assert process.stderr.strip().endswith(
        "PyTorch is missing: python -m pip install -e '.[bench]'"
    )


@pytest.mark.parametrize("given", [("L2",), ("KL", "-1"), ("Single", "0.1")])
def test_pytorch_run_wants_a_weight_that_fits(given, pytorch, capsys):
    pytorch_run = pytorch("pytorch_run")
    options = zip(("--method", "--alpha"), given, strict=False)
    with pytest.raises(SystemExit):
        pytorch_run.parse([f"{flag}={value}" for flag, value in options])
    assert "--alpha is above 0 with L2 and KL, and 0 with Single" in (
        capsys.readouterr().err
    )


def test_pytorch_has_the_same_learning_rates(pytorch):
    pytorch_run = pytorch("pytorch_run")
    for config in (ExperimentConfig(), ExperimentConfig(**RECIPES["cifar_sgd"])):
        ours = optimization.learning_rates(
            40, config.learning_rate, config.learning_rate_schedule
        )
        theirs = [pytorch_run.learning_rate(config, step / 40) for step in range(40)]
        assert theirs == pytest.approx([float(ours(step)) for step in range(40)])


def test_pytorch_crops_and_flips(pytorch):
    """Each image is a window of the padded one, as it is or from right to left."""
    torch, pytorch_run = pytorch("torch"), pytorch("pytorch_run")
    images = torch.arange(1, 37, dtype=torch.uint8).reshape(1, 1, 6, 6)
    images = images.repeat(50, 3, 1, 1)
    padded = np.pad(images[0, 0].numpy(), pytorch_run.PADDING)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (6, 6)).reshape(-1, 6, 6)
    kinds = [{window.tobytes() for window in windows[..., ::way]} for way in (1, -1)]
    drawn = torch.Generator().manual_seed(0)
    made = pytorch_run.flipped_and_cropped(images, drawn)[:, 0].numpy()
    assert all(any(one.tobytes() in kind for kind in kinds) for one in made)
    both = [sum(one.tobytes() in kind for one in made) for kind in kinds]
    assert min(both) > 10
    assert len({one.tobytes() for one in made}) > 25


@needs_real_data
@pytest.mark.slow
def test_pytorch_run(benchmark):
    pytest.importorskip("torch")
    where = ("--data_dir", REAL_DATA)
    few = ("--epochs", 2, "--truncate", 128, "--eager", "--method", "L2")
    said = benchmark("pytorch_run", *where, *few, "--alpha", 0.01).splitlines()
    result = json.loads(said[-1])
    assert said[1] == f"epoch 2: {result['errors'][1]}"
    assert all(0 < error < 100 for errors in result["errors"] for error in errors)


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
