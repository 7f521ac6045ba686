#!/usr/bin/env bash
# torchcp 1.2.1, PyTorch 2.13.0: the temperature that `TSTrainer` finds.
#
# Guess: `TSTrainer(network, init_temperature).train(loader)` finds the temperature with the
#   least loss, from wherever it starts ("optimizes the temperature parameter to minimize
#   NLL loss"), and gives back the network with it: twice too sure, it is 2, and the loss is
#   that of the right probabilities.
# Seen: the logits that it is fitted to are divided by the initial temperature already, and
#   the network divides by the fitted one alone. Begun at 1.5, as is usual, a network that
#   is twice too sure gets 1.36 in place of 2, one three times too sure 2.04 in place of 3.
#   That is with lr=1.0; 100 steps of the default lr=0.01 end on the way: from 1 at 1.37 in
#   place of 2 and at 1.50 in place of 3. What it prints as loss "after scaling" is not the
#   network's. And a network that is right as it is, begun at 1.5 with lr=1.0, is flung to
#   about -4,700: none of its answers that were right is right any more, since the order of
#   the classes is turned around. Nothing warns.
# What helps: init_temperature=1.0 and lr=1.0, and a look at the temperature after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 tqdm==4.70.1 numpy==2.4.6
# The trainer imports these alone; the rest of the package would want graphs and more.
env/bin/pip install --quiet --no-deps torchcp==1.2.1
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import torch
from torch.nn import Identity
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

home = importlib.util.find_spec("torchcp").submodule_search_locations[0]
for part in ("", ".classification", ".classification.trainer"):  # without their __init__
    package = types.ModuleType("torchcp" + part)
    package.__path__ = [home + part.replace(".", "/")]
    sys.modules[package.__name__] = package
from torchcp.classification.trainer.ts_trainer import TSTrainer

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
calibrated = 2 * torch.randn(5000, 10)
labels = torch.distributions.Categorical(logits=calibrated).sample()


def best(logits):
    temperatures = torch.linspace(0.5, 4, 351)
    losses = torch.stack([cross_entropy(logits / t, labels) for t in temperatures])
    return temperatures[losses.argmin()].item(), losses.min().item()


for sure, start, rate, expected in (
    (2, 1.5, 1.0, 2 / 1.5),
    (3, 1.5, 1.0, 3 / 1.5),
    (2, 1.5, 0.01, 1.4),
    (2, 1.0, 0.01, 1.36),
    (3, 1.0, 0.01, 1.5),
    (1, 1.5, 1.0, None),
    (2, 1.0, 1.0, 2),
    (3, 1.0, 1.0, 3),
):
    logits = sure * calibrated
    loader = DataLoader(TensorDataset(logits, labels), batch_size=1000)
    network = TSTrainer(Identity(), start, verbose=False).train(loader, lr=rate)
    with torch.no_grad():
        answers = network(logits)
    found, loss = network.get_temperature(), cross_entropy(answers, labels).item()
    right = 100 * (answers.argmax(1) == labels).float().mean().item()
    wanted, least = best(logits)
    print(
        f"begun at {start}, lr={rate}: {found:.2f}, best is {wanted:.2f};"
        f" loss {loss:.2f}, least {least:.2f}; {right:.0f} % right"
    )
    if expected is None:
        assert found < 0 and right < 1, "it changed"
    else:
        assert abs(found - expected) < 0.04 * expected, "it changed"
PYTHON
env/bin/python run.py
