#!/usr/bin/env bash
# torch-uncertainty 0.13.0, PyTorch 2.13.0: what `SWAG` answers in evaluation.
#
# Guess: "Call update_wrapper at the end of each epoch", `bn_update(loader)` for the batch
#   normalization of the networks that it samples, and `swag.eval()`: these then answer
#   as networks do in evaluation, an image the same whatever is beside it.
# Seen: the samples are copies of the network as it is at the end of an epoch, which is in
#   training, and are kept in a plain list, which `eval` does not reach. They stay in
#   training: batch normalization goes by the batch that is asked about, dropout drops, and
#   the moments that `bn_update` found move with each evaluation. Eight samples that are
#   right on all images are right on all in mixed batches of 64, on 72 % two images at a
#   time, and on 8 % where the images are sorted by class. One image alone ends with an
#   error. Nothing warns.
# What helps: `swag.eval()` before `update_wrapper`, or `network.eval()` for each of
#   `swag.samples`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
# SWAG imports torch alone; the rest of the package would want Lightning and more.
env/bin/pip install --quiet --no-deps torch-uncertainty==0.13.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import torch
from torch import nn

home = importlib.util.find_spec("torch_uncertainty").submodule_search_locations[0]
for name in ("torch_uncertainty", "torch_uncertainty.methods"):  # without their __init__
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [home + name.removeprefix("torch_uncertainty").replace(".", "/")]
from torch_uncertainty.methods.swag import SWAG

warnings.simplefilter("error")
torch.manual_seed(0)
torch.set_num_threads(1)
classes = torch.arange(640) % 10
images = 5 + 3 * (torch.randn(10, 20)[classes] + 0.3 * torch.randn(640, 20))
mixed = torch.randperm(640)
loader = [(images[batch], classes[batch]) for batch in mixed.split(64)]


def block(inputs):
    return nn.Linear(inputs, 64), nn.BatchNorm1d(64), nn.ReLU()


def trained(evaluate_first):
    torch.manual_seed(1)
    network = nn.Sequential(*block(20), *block(64), nn.Linear(64, 10))
    swag = SWAG(network, cycle_start=10, cycle_length=5, num_estimators=8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for epoch in range(21):
        swag.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(swag(batch), labels).backward()
            optimizer.step()
        if evaluate_first:
            swag.eval()
        swag.update_wrapper(epoch)
    swag.bn_update(loader, device="cpu")
    swag.eval()
    return swag


@torch.no_grad()
def percent(swag, order, size):
    right = 0
    for batch in order.split(size):
        said = swag(images[batch]).softmax(1).view(8, len(batch), 10).mean(0)
        right += (said.argmax(1) == classes[batch]).sum().item()
    return 100 * right / 640


by_class = classes.argsort(stable=True)
wrong = trained(evaluate_first=False)
print("swag in training:", wrong.training)
modes = {network.training for network in wrong.samples}
print("its samples in training:", *modes)
assert not wrong.training and modes == {True}, "it changed"
moments = wrong.samples[0][1].running_mean.clone()
found = [percent(wrong, mixed, 64), percent(wrong, mixed, 2), percent(wrong, by_class, 64)]
print("right, mixed: {:.0f} %, in pairs: {:.0f} %, by class: {:.0f} %".format(*found))
assert found[0] > 99 and found[1] < 95 and found[2] < 40, "it changed"
moved = not torch.equal(moments, wrong.samples[0][1].running_mean)
print("evaluation has moved the moments:", moved)
assert moved, "it changed"
try:
    wrong(images[:1])
except ValueError as error:
    print("one image:", str(error)[:60])
else:
    raise AssertionError("it changed: one image")

for network in wrong.samples:
    network.eval()
wrong.need_bn_update = True
wrong.bn_update(loader, device="cpu")
early = trained(evaluate_first=True)
for what, swag in (("network.eval()", wrong), ("swag.eval() before", early)):
    found = [percent(swag, order, 64) for order in (mixed, by_class)]
    found.append(10 * percent(swag, mixed[:64], 1))
    print(what + ": {:.0f} %, by class: {:.0f} %, alone: {:.0f} %".format(*found))
    assert min(found) > 99
PYTHON
env/bin/python run.py
