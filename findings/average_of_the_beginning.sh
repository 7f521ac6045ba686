#!/usr/bin/env bash
# ema-pytorch 0.8.3, PyTorch 2.13.0: `update_every` of EMA and of PostHocEMA.
#
# Guess: `update_every` is "how often to actually update, to save on compute": the average
#   is nearly the same, of every tenth step's weights. EMA(network, power=1) "implements a
#   simple average". After PostHocEMA an average of any width can be made: one of
#   sigma_rel=0.15 has the middle of its steps at 82 % of the training, as in the paper by
#   Karras and others that it names.
# Seen: how much of the average is kept goes by the number of the step, as if each step were
#   added; but only every tenth is, by default, and in PostHocEMA every 100th. After 2,000
#   steps the "simple average" is to 56 % the weights of step 100, and the default average
#   is 925 steps old in the mean in place of 144. What PostHocEMA makes for 0.15 after 1,000
#   steps is to 41 % the weights of the first one with update_every=10, which its README
#   has, and to 89 % with the default: of ten classes, which the network tells without an
#   error, this average tells about half. With update_every=1 all is right. Nothing warns.
# What helps: update_every=1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet ema-pytorch==0.8.3 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import tempfile, warnings

import numpy as np, torch
from ema_pytorch import EMA, PostHocEMA
from torch import nn

warnings.simplefilter("error")
torch.set_num_threads(1)


class Steps(nn.Module):
    """Its weights tell which step they are of: an average of them has each step's share."""

    def __init__(self, steps):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(steps))

    def step(self, number):
        self.weight.data.zero_()
        self.weight.data[number] = 1


def shares(steps, make, take):
    network = Steps(steps)
    average = make(network)
    for number in range(steps):
        network.step(number)
        average.update()
    found = take(average).ema_model.weight.detach().double().numpy()
    assert abs(found.sum() - 1) < 0.001
    return found


def told(name, found):
    age = (found * np.arange(len(found))[::-1]).sum()
    print(f"  {name}: {age:.0f} steps old in the mean,", end=" ")
    print(f"{100 * found.max():.1f} % of it is step {found.argmax()}")
    return age, found.max(), found.argmax()


print("EMA after 2,000 steps:")
for settings, expected in (
    (dict(power=1), (1727, 0.563, 100)),
    (dict(power=1, update_every=1), (949, 0.001, None)),
    (dict(), (925, 0.040, 100)),
    (dict(update_every=1), (144, 0.007, 1999)),
):
    found = shares(2000, lambda network: EMA(network, **settings), lambda average: average)
    age, largest, step = told(settings or "defaults", found)
    assert abs(age - expected[0]) < 3 and abs(largest - expected[1]) < 0.001, "it changed"
    assert expected[2] in (None, step), "it changed"


def post_hoc(network, folder, **settings):
    return PostHocEMA(
        network,
        sigma_rels=(0.05, 0.28),
        checkpoint_every_num_steps=100,
        checkpoint_folder=folder,
        **settings,
    )


def width(gamma):
    """The paper's sigma_rel of shares that grow as step ** gamma."""
    return ((gamma + 1) / (gamma + 2) ** 2 / (gamma + 3)) ** 0.5


gamma = min(np.arange(0, 20, 0.001), key=lambda gamma: abs(width(gamma) - 0.15))
profile = np.arange(1, 1001) ** gamma
print("sigma_rel=0.15 after 1,000 steps:")
right, _, _ = told("the paper's", profile / profile.sum())
assert abs(right - 180) < 1
for settings, expected in (
    (dict(update_every=1), (right, 0.004, None)),
    (dict(update_every=10), (760, 0.411, 0)),
    (dict(), (961, 0.891, 0)),
):
    with tempfile.TemporaryDirectory() as folder:
        found = shares(
            1000,
            lambda network: post_hoc(network, folder, **settings),
            lambda average: average.synthesize_ema_model(sigma_rel=0.15),
        )
    age, largest, step = told(settings or "defaults", found)
    assert abs(age - expected[0]) < 5 and abs(largest - expected[1]) < 0.003, "it changed"
    assert expected[2] in (None, step), "it changed"

torch.manual_seed(0)
classes = torch.arange(2000) % 10
images = torch.randn(10, 32)[classes] + 0.4 * torch.randn(2000, 32)
network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
network.append(nn.Linear(64, 10))
averages = {
    every: post_hoc(network, f"every_{every}", update_every=every) for every in (1, 10, 100)
}
optimizer = torch.optim.Adam(network.parameters(), 1e-3)
for step in range(1000):
    batch = torch.randint(2000, (64,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images[batch]), classes[batch]).backward()
    optimizer.step()
    for average in averages.values():
        average.update()


@torch.no_grad()
def judged(model):
    answers = model(images)
    right = 100 * (answers.argmax(1) == classes).float().mean().item()
    return round(right), round(nn.functional.cross_entropy(answers, classes).item(), 2)


print("ten classes, right in % and cross entropy, where random answers have 10 and 2.30:")
found = {"the network": judged(network)}
for every, average in averages.items():
    synthesized = average.synthesize_ema_model(sigma_rel=0.15)
    found[f"its average, update_every={every}"] = judged(synthesized)
for name, (right, loss) in found.items():
    print(f"  {name}: {right} %, {loss}")
plain, fine, tenth, default = found.values()
assert plain[0] > 98 and fine[0] > 98 and max(plain[1], fine[1]) < 0.1
assert tenth[1] > 0.3 and default[1] > 1.5 and default[0] < 80, "it changed"
PYTHON
env/bin/python run.py
