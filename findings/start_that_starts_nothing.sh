#!/usr/bin/env bash
# Lightning 2.6.6, PyTorch 2.13.0: when `EMAWeightAveraging` begins to average.
#
# Guess: `EMAWeightAveraging(decay=0.999, update_starting_at_epoch=3)` leaves the epochs
#   before out of the average, and `update_starting_at_step=60` the steps before; until then
#   validation is of the network that is trained, and so is what `fit` leaves if it ends.
# Seen: with `update_starting_at_epoch` each step is averaged from the first one on, and
#   from that epoch on the last step of an epoch twice. After six epochs of 20 steps the
#   average, which is to be of the last three, is to 89 % the weights of the first step, and
#   right on 19 % of the images, for 99: the network itself is right on 100 %.
#   With 100, an epoch that never comes, the average is to the bit the one without it.
#   `update_starting_at_step` does begin there. But until then validation is of the network
#   before training, here 5 % in each epoch; EarlyStopping ends the training for that, and
#   `fit` leaves the network as it was before training: 5 %, where it had come to 99 %.
#   Nothing warns. (Of the validation alone issue 21724 of Lightning tells.)
# What helps: `update_starting_at_step=3 * len(loader)` for epoch 3, and more steps, and
#   more patience, than that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet lightning==2.6.6 torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import logging, warnings

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.simplefilter("ignore")  # it tells how many workers and devices are best
torch.set_num_threads(1)
torch.manual_seed(0)
labels = torch.arange(640) % 10
images = torch.randn(10, 20)[labels] + 0.5 * torch.randn(640, 20)
every = TensorDataset(images, labels)


def percent(network):
    return 100 * (network(images).argmax(1) == labels).float().mean().item()


class Network(LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
        self.validated = []

    def forward(self, batch):
        return self.layers(batch)

    def training_step(self, batch, number):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, number):
        self.validated.append(round(percent(self)))
        self.log("right", percent(self))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


class Kept(Callback):
    """The weights after each step, as they are trained."""

    def __init__(self):
        self.weights = []

    def on_train_batch_end(self, trainer, network, *batch):
        self.weights.append(parameters_to_vector(network.parameters()).detach().double())


def fit(*callbacks, **settings):
    torch.manual_seed(0)
    network, kept = Network(), Kept()
    before = parameters_to_vector(network.parameters()).detach().clone()
    if settings:
        callbacks += (EMAWeightAveraging(**settings),)
    trainer = Trainer(
        max_epochs=6, accelerator="cpu", callbacks=[kept, *callbacks], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(network, DataLoader(every, 32, shuffle=True), DataLoader(every, 640))
    after = parameters_to_vector(network.parameters()).detach()
    print(f"{settings or 'no average'}: in validation", *network.validated, end=" ")
    print(f"% right, after training {percent(network):.0f} %")
    return before, after, kept.weights, network


def average(steps, decay=0.999):
    mean = steps[0]
    for step in steps[1:]:
        mean = decay * mean + (1 - decay) * step
    return mean.float()


def of(weights):
    network = Network()
    vector_to_parameters(weights, network.parameters())
    return percent(network)


before, after, steps, network = fit()
assert percent(network) > 99
always = fit(decay=0.999)[1]
never = fit(decay=0.999, update_starting_at_epoch=100)[1]
assert torch.equal(never, always), "it changed"

found, network = fit(decay=0.999, update_starting_at_epoch=3)[1::2]
twice = steps[:80] + steps[79:100] + steps[99:120] + steps[119:]
assert torch.allclose(found, average(twice), atol=1e-5), "it changed"
right = average(steps[60:])
share = 0.999 ** (len(twice) - 1)
print(f"  of it {100 * share:.0f} % are the weights of the first step;")
print(f"  the average from epoch 3 on is right on {of(right):.0f} %")
assert percent(network) < 60 and of(right) > 95 and share > 0.8, "it changed"

found, network = fit(decay=0.999, update_starting_at_step=60)[1::2]
assert torch.allclose(found, right, atol=1e-5)
untrained = round(of(before))
assert network.validated[:3] == 3 * [untrained] != network.validated[3:], "it changed"

stop = EarlyStopping("right", mode="max", patience=2)
found, steps, network = fit(stop, decay=0.999, update_starting_at_step=60)[1:]
print(f"  with EarlyStopping: the network was right on {of(steps[-1].float()):.0f} %")
assert len(steps) == 60 and of(steps[-1].float()) > 90, "it changed"
assert torch.equal(found, before), "it changed"
PYTHON
env/bin/python run.py
