#!/usr/bin/env bash
# timm 1.0.31, PyTorch 2.13.0: `use_warmup` and `update_after_step` of ModelEmaV3.
#
# Guess: ModelEmaV3(network, use_warmup=True), with `update(network)` after each step as its
#   forerunners have it, counts its updates, as PyTorch's own AveragedModel does: at first
#   it takes nearly all of the new weights, later little. update_after_step=200 begins to
#   average after 200 updates.
# Seen: it counts nothing. `step` may be left out of `update`, and then the decay is 0.9999
#   from the first update on, warm-up or not, and update_after_step is passed over. After
#   500 steps 95 % of the averages are the random weights before training: of ten classes,
#   which the network tells without an error, they tell hardly more than chance does. With
#   `step` they are right on all. Nothing warns.
# What helps: `update(network, step=steps)`, counted from 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
# This part imports torch alone; the rest of the package would want torchvision and more.
env/bin/pip install --quiet --no-deps timm==1.0.31
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

home = importlib.util.find_spec("timm").submodule_search_locations[0]
for name in ("timm", "timm.utils"):  # without their __init__
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [home + name.removeprefix("timm").replace(".", "/")]
from timm.utils.model_ema import ModelEmaV3

warnings.simplefilter("error")
STEPS, CLASSES = 500, 10
torch.manual_seed(0)
torch.set_num_threads(1)
classes = torch.arange(2000) % CLASSES
images = 2 * torch.randn(CLASSES, 20)[classes] + 0.5 * torch.randn(2000, 20)
network = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, CLASSES))
before = [weight.clone() for weight in network.parameters()]
averages = {
    "use_warmup=True": ModelEmaV3(network, use_warmup=True),
    "update_after_step=200": ModelEmaV3(network, update_after_step=200),
    "neither": ModelEmaV3(network),
    "use_warmup=True, with step": ModelEmaV3(network, use_warmup=True),
    "update_after_step=200, with step": ModelEmaV3(network, update_after_step=200),
    "AveragedModel": AveragedModel(network),
}
optimizer = torch.optim.Adam(network.parameters(), 1e-3)
for step in range(1, STEPS + 1):
    batch = torch.randint(0, len(images), (64,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images[batch]), classes[batch]).backward()
    optimizer.step()
    for name, average in averages.items():
        if name == "AveragedModel":
            average.update_parameters(network)
        else:
            average.update(network, **({"step": step} if "with step" in name else {}))


def percent(model):
    with torch.no_grad():
        return 100 * (model(images).argmax(1) == classes).float().mean().item()


def moved(model):
    """How far its weights are from those before training, by those of the network."""
    pairs = zip(before, model.parameters(), network.parameters())
    sums = [((b - a).square().sum(), (c - a).square().sum()) for a, b, c in pairs]
    return (sum(one for one, _ in sums) / sum(all for _, all in sums)).sqrt().item()


print(f"right: at random {100 / CLASSES:.0f} %, the network {percent(network):.0f} %")
found = {name: (percent(model), moved(model)) for name, model in averages.items()}
for name, (right, far) in found.items():
    print(f"  {name}: {right:.0f} %, {100 * far:.1f} % of the way")
warm, after, neither, *others = found.values()
assert warm == neither and after == neither, "it changed"
assert warm[0] < 40 and warm[1] < 0.05, "it changed"
assert percent(network) > 98 and all(right > 98 for right, _ in others[::2])
assert others[1][1] > 0.2 and others[0][1] > 0.9
PYTHON
env/bin/python run.py
