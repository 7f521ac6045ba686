"""The benchmarks in PyTorch: they run, and compute what our code does."""

import importlib
import importlib.util
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import REAL_DATA, ROOT, needs_real_data

from collaborative import EnsembleModel, costs
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.recipes import RECIPES
from collaborative.nn import cifar_networks, networks, optimization

RESNET20 = next(iter(cifar_networks.NETWORKS))


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
        ours = optimization.learning_rate_schedule(
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
