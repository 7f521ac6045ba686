#!/usr/bin/env bash
# pytorch-ignite 0.5.5, PyTorch 2.13.0: the batch normalization of EMAHandler's averages.
#
# Guess: `EMAHandler(network)` has an `ema_model` of its own, a copy; by its default,
#   handle_buffers="copy", that "means copying the buffers of the online model" at each
#   step. Once the training is over the average stays as it is, whatever becomes of the
#   network, and the network as it is, whatever becomes of the average.
# Seen: the first step hands the network's own tensors over. From then on the two have one
#   mean and one variance: what trains the network moves the average's. Kept as a teacher
#   while the network goes on to darker images, an average that was right on 97 % of its own
#   is right on 11. Of five networks trained one after the other, each started anew by
#   `reset_parameters`, the averages that were kept are right on 66 to 70 % in place of 96
#   to 98, and only the last one is as it was; together on 87, for 99. `update_bn(loader,
#   ema_model)` of PyTorch with darker images leaves the network itself at 15 %, for 97.
#   Nothing warns.
# What helps: `copy.deepcopy(handler.ema_model)` when the training is over, or
#   handle_buffers="update", which has numbers of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet pytorch-ignite==0.5.5 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import copy, warnings

import torch
from ignite.engine import Engine
from ignite.handlers import EMAHandler
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
labels = torch.arange(1000) % 10
patterns = 0.7 * torch.randn(10, 1, 8, 8)[labels]
images, tests = (patterns + torch.randn(1000, 1, 8, 8) for _ in range(2))


def darker(pixels):
    return 0.3 * pixels - 2


def network():
    torch.manual_seed(1)
    layers, channels = [], 1
    for made in (16, 32, 32):
        layers += nn.Conv2d(channels, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU()
        channels = made
    return nn.Sequential(*layers, nn.MaxPool2d(4), nn.Flatten(), nn.Linear(128, 10))


def loader(pixels):
    return DataLoader(TensorDataset(pixels, labels), 50, shuffle=True)


def train(model, pixels, **settings):
    """One training, with an engine, an optimizer and averages of its own."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)

    def step(engine, batch):
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
        optimizer.step()

    trainer = Engine(step)
    handler = EMAHandler(model, momentum=0.05, **settings)
    handler.attach(trainer)
    trainer.run(loader(pixels), max_epochs=8)
    return handler.ema_model


@torch.no_grad()
def percent(*models, pixels=tests):
    for model in models:
        model.eval()
    said = sum(model(pixels).softmax(1) for model in models).argmax(1)
    return 100 * (said == labels).float().mean().item()


for settings in ({}, {"handle_buffers": "update"}):
    print(settings or "by default", end=":\n")
    shared = not settings

    model = network()
    average = train(model, images, **settings)
    own = copy.deepcopy(average)
    before = percent(average)
    train(model, darker(images), **settings)
    after, copied = percent(average), percent(own)
    print("  an average, before and after the network goes on to darker images:", end=" ")
    print(f"{before:.1f}, {after:.1f} %; a copy of it {copied:.1f} %")
    assert before > 95 and copied == before, "a copy changed"
    assert after < 80 if shared else after == before, "it changed: what is shared"
    weights = zip(average.parameters(), own.parameters())
    assert all(torch.equal(first, second) for first, second in weights)
    moments = zip(average.buffers(), model.buffers())
    assert any(a.data_ptr() == b.data_ptr() for a, b in moments if a.ndim) == shared

    model, averages, then = network(), [], []
    for seed in range(5):
        torch.manual_seed(seed)
        for layer in model:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        averages.append(train(model, images, **settings))
        then.append(percent(averages[-1]))
    now = [percent(average) for average in averages]
    print("  five, each after its own:", *(f"{value:.1f}" for value in then), "%")
    together = percent(*averages)
    print("  five, after the last one:", *(f"{value:.1f}" for value in now), "%", end="; ")
    print(f"together {together:.1f} %")
    assert min(then) > 95 and now[-1] == then[-1]
    assert max(now[:-1]) < 85 if shared else now == then, "it changed: what is shared"
    assert (together > 95) != shared, "it changed: together"

    model = network()
    average = train(model, images, **settings)
    before = percent(model)
    update_bn(loader(darker(images)), average)
    after = percent(model)
    print("  the network, before and after update_bn of the average:", end=" ")
    print(f"{before:.1f}, {after:.1f} %")
    assert after < 80 if shared else after == before, "it changed: what is shared"
PYTHON
env/bin/python run.py
