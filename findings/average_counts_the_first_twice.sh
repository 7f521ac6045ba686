#!/usr/bin/env bash
# torch-uncertainty 0.13.0, PyTorch 2.13.0: averages of weights, `SWA` and `EMA`.
#
# Guess: `SWA(network, cycle_start, cycle_length)` has the mean of the weights at the end of
#   each cycle, as in the paper and in PyTorch's own AveragedModel. `EMA(network, momentum)`
#   answers, in evaluation, with the moving averages of a network as it is otherwise.
# Seen: in SWA the first weights count twice: after two cycles the mean is 2/3 of the first
#   and 1/3 of the second, after five 1/3 of the first and 1/6 of each other. These are the
#   oldest. In EMA the weights are averaged, and what is not a weight stays as it was before
#   training: a batch normalization answers with a mean of 0 and a variance of 1, which it
#   has never seen. A network that is right on all images is right on 42 % with its
#   averages, and on all again after `update_bn`. The package's routines call that for SWA,
#   not for EMA. Nothing warns.
# What helps: `torch.optim.swa_utils.AveragedModel` for SWA, `update_bn(loader,
#   ema.ema_model)` after training for EMA.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
# SWA and EMA import torch alone; the rest of the package would want Lightning and more.
env/bin/pip install --quiet --no-deps torch-uncertainty==0.13.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings
from fractions import Fraction

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

home = importlib.util.find_spec("torch_uncertainty").submodule_search_locations[0]
for name in ("torch_uncertainty", "torch_uncertainty.methods"):  # without their __init__
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [home + name.removeprefix("torch_uncertainty").replace(".", "/")]
from torch_uncertainty.methods.ema import EMA
from torch_uncertainty.methods.swa import SWA

warnings.simplefilter("error")
print("shares of each cycle's weights in their mean:")
for cycles in (1, 2, 3, 5):
    shares, right = [], []
    for which in range(cycles):  # a weight that is 1 in that cycle and 0 in the others
        weight = nn.Linear(1, 1, bias=False)
        swa, reference = SWA(weight, cycle_start=0, cycle_length=1), AveragedModel(weight)
        for cycle in range(cycles):
            nn.init.constant_(weight.weight, float(cycle == which))
            swa.update_wrapper(cycle)
            reference.update_parameters(weight)
        for found, model in ((shares, swa.swa_model), (right, reference.module)):
            found.append(Fraction(model.weight.item()).limit_denominator(100))
    print(f"  {cycles} cycles: SWA", *shares, "and AveragedModel", *right)
    assert set(right) == {Fraction(1, cycles)}
    expected = [Fraction(2, cycles + 1)] + [Fraction(1, cycles + 1)] * (cycles - 1)
    assert shares == (expected if cycles > 1 else [1]), "it changed"

torch.manual_seed(0)
torch.set_num_threads(1)
classes = torch.arange(2048) % 10
images = 5 + 3 * (torch.randn(10, 20)[classes] + 0.3 * torch.randn(2048, 20))


def block(inputs):
    return nn.Linear(inputs, 64), nn.BatchNorm1d(64), nn.ReLU()


network = nn.Sequential(*block(20), *block(64), *block(64), nn.Linear(64, 10))
ema = EMA(network, momentum=0.9)
optimizer = torch.optim.Adam(network.parameters(), 1e-3)
for epoch in range(20):
    ema.train()
    for batch in torch.randperm(2048).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(ema(images[batch]), classes[batch]).backward()
        optimizer.step()
        ema.update_wrapper(epoch)


def percent(model):
    model.eval()
    with torch.no_grad():
        return 100 * (model(images).argmax(1) == classes).float().mean().item()


own, averaged = percent(network), percent(ema)
norms = [layer for layer in ema.ema_model if isinstance(layer, nn.BatchNorm1d)]
untouched = all(
    not norm.running_mean.any() and (norm.running_var == 1).all().item() for norm in norms
)
update_bn([images], ema.ema_model)
updated = percent(ema)
print(f"right: the network {own:.0f} %, EMA {averaged:.0f} %, then {updated:.0f} %")
print("the moments in EMA are those before training:", untouched)
assert untouched and own > 90 and updated > 90 and averaged < 60, "it changed"
PYTHON
env/bin/python run.py
