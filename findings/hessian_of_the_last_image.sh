#!/usr/bin/env bash
# torch-pruning 1.6.1, PyTorch 2.13.0: what GroupHessianImportance, GroupTaylorImportance
# and FPGMImportance find important.
#
# Guess: `scorer.accumulate_grad(model)` after each image's backward is there to "accumulate
#   gradients of each sample"; a channel's importance goes by the mean of their squares.
#   GroupTaylorImportance takes batch normalizations along, which are in its `target_types`,
#   or them alone if they alone are named. FPGMImportance has the sum of the Euclidean
#   distances from a filter to the others, as its paper does.
# Seen: each image's gradients take the place of those before. Of 200 images the last alone
#   counts: the importance correlates by 0.3 with the right one of the same 200, and by 0.3
#   with that of the same images in another order. Of a network with half of its channels,
#   chosen by it, 38 % are right in the mean of six draws of images, and 48 by the right
#   one. Taylor looks for a group normalization where it means a batch normalization, which
#   never counts: scales ten times as large change no importance, and with
#   target_types=[_BatchNorm] `step()` prunes nothing. FPGM has the distances of squared
#   weights: a filter and its negative are 0 apart. Nothing warns.
# What helps: the mean of the squared gradients in `.grad` by hand, and no
#   `accumulate_grad`; GroupMagnitudeImportance for batch normalizations.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch-pruning==1.6.1 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import copy, warnings

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.functional import cross_entropy

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
labels = torch.arange(1000) % 10
patterns = 0.7 * torch.randn(10, 1, 8, 8)[labels]
images, tests = (patterns + torch.randn(1000, 1, 8, 8) for _ in range(2))
convolutions = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
model = nn.Sequential(
    convolutions[0], nn.BatchNorm2d(16), nn.ReLU(),
    convolutions[1], nn.BatchNorm2d(32), nn.ReLU(),
    nn.MaxPool2d(4), nn.Flatten(), nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(8):
    for batch in torch.randperm(1000).split(50):
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
model.eval()
normalizations = {"target_types": [nn.modules.batchnorm._BatchNorm]}


@torch.no_grad()
def percent(network):
    return 100 * (network(tests).argmax(1) == labels).float().mean().item()


def of_the_first(scorer, network=model):
    """The importance of the first convolution's channels."""
    graph = tp.DependencyGraph().build_dependency(network, images[:1])
    channels = list(range(16))
    return scorer(graph.get_pruning_group(network[0], tp.prune_conv_out_channels, channels))


def accumulated(network, order):
    """As the package's documentation has it."""
    scorer = tp.importance.GroupHessianImportance()
    scorer.zero_grad()
    losses = cross_entropy(network(images[order]), labels[order], reduction="none")
    for loss in losses:
        network.zero_grad()
        loss.backward(retain_graph=True)
        scorer.accumulate_grad(network)
    return scorer


def by_hand(network, order):
    """The mean of the squares in `.grad`, which the importance goes by."""
    squares = [torch.zeros_like(weights) for weights in network.parameters()]
    for image in order:
        network.zero_grad()
        cross_entropy(network(images[image][None]), labels[image][None]).backward()
        for square, weights in zip(squares, network.parameters()):
            square += weights.grad**2 / len(order)
    for square, weights in zip(squares, network.parameters()):
        weights.grad = square
    return tp.importance.GroupHessianImportance()


def pruned(make, *settings):
    network = copy.deepcopy(model)
    last = [network[-1]]
    scorer = make(network, *settings)
    tp.pruner.BasePruner(
        network, images[:1], scorer, pruning_ratio=0.5, ignored_layers=last
    ).step()
    return network


def correlation(first, second):
    return torch.corrcoef(torch.stack([first, second]))[0, 1].item()


print("GroupHessianImportance of 200 images:")
order = torch.randperm(1000)[:200]
found = of_the_first(accumulated(model, order))
turned = of_the_first(accumulated(model, order.flip(0)))
last = of_the_first(accumulated(model, order[-1:]))
right = of_the_first(by_hand(model, order))
right_turned = of_the_first(by_hand(model, order.flip(0)))
print("  as that of the last image alone:", torch.allclose(found, last, rtol=1e-3))
print(f"  correlation with the images turned around: {correlation(found, turned):.2f}")
print(f"    and of the right ones: {correlation(right, right_turned):.2f}")
print(f"  correlation with the right one: {correlation(found, right):.2f}")
assert torch.allclose(found, last, rtol=1e-3), "it changed: which images count"
assert correlation(found, turned) < 0.9 and correlation(right, right_turned) > 0.999
squares = [[], [], []]
for image in order:
    model.zero_grad()
    cross_entropy(model(images[image][None]), labels[image][None]).backward()
    for kept, layer in zip(squares, (model[0], model[1], model[3])):
        kept.append(layer.weight.grad**2)
first, gate, then = (
    layer.weight.detach() ** 2 * torch.stack(kept).mean(0)
    for kept, layer in zip(squares, (model[0], model[1], model[3]))
)
expected = first.sum((1, 2, 3)) + gate + then.sum((0, 2, 3))
assert torch.allclose(right, expected / expected.mean(), rtol=1e-3)
kept = {accumulated: [], by_hand: []}
for _ in range(6):
    order = torch.randperm(1000)[:200]
    for make, percents in kept.items():
        percents.append(percent(pruned(make, order)))
print(f"  right on {percent(model):.1f} % of other images; with half of the channels,")
print("    chosen by six times 200 images:", *(f"{p:.0f}" for p in kept[accumulated]), "%")
print("    by the right one:              ", *(f"{p:.0f}" for p in kept[by_hand]), "%")
means = [sum(percents) / 6 for percents in kept.values()]
print(f"    in the mean {means[0]:.0f} %, and {means[1]:.0f}")
assert means[0] < means[1] - 3, "it changed: what is pruned"

print("importance with scales ten times as large, the same:")
larger = copy.deepcopy(model)
with torch.no_grad():
    larger[1].weight *= torch.where(torch.arange(16) < 8, 10, 1)
for name, make in (
    ("GroupTaylorImportance", tp.importance.GroupTaylorImportance),
    ("GroupMagnitudeImportance", tp.importance.GroupMagnitudeImportance),
):
    for network in (model, larger):
        for weights in network.parameters():
            weights.grad = torch.ones_like(weights)
    before, after = (of_the_first(make(), network) for network in (model, larger))
    print(f"  {name}: {torch.equal(before, after)}")
    assert torch.equal(before, after) == ("Taylor" in name), "it changed: Taylor"


def taylor(network, **settings):
    network.zero_grad()
    cross_entropy(network(images), labels).backward()
    return tp.importance.GroupTaylorImportance(**settings)


print("weights left at pruning_ratio=0.5, by batch normalizations alone:")
weights = {}
for name, make in (
    ("before", None),
    ("magnitude", lambda _: tp.importance.GroupMagnitudeImportance(**normalizations)),
    ("Taylor", lambda network: taylor(network, **normalizations)),
    ("Taylor, all layers", taylor),
):
    network = pruned(make) if make else model
    weights[name] = sum(tensor.numel() for tensor in network.parameters())
    print(f"  {name}: {weights[name]}")
assert weights["Taylor"] == weights["before"], "it changed: it prunes"
assert weights["magnitude"] == weights["Taylor, all layers"] < weights["before"] / 2

print("FPGMImportance of 16 filters, 8 of them the negatives of the others:")
opposite = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 3))
with torch.no_grad():
    opposite[0].weight[8:] = -opposite[0].weight[:8]
scorer = tp.importance.FPGMImportance(group_reduction="first", normalizer=None)
found = of_the_first(scorer, opposite)
filters = opposite[0].weight.detach().flatten(1)
right = torch.cdist(filters, filters).sum(0)
squared = torch.cdist(filters**2, filters**2)
print("  found:", *(f"{value:.2f}" for value in found[:8]))
print("  right:", *(f"{value:.2f}" for value in right[:8]))
print("  distance of a filter to its negative, of weights and of their squares:", end=" ")
print(f"{torch.dist(filters[0], filters[8]):.2f}, {squared[0, 8]:.2f}")
assert torch.allclose(found, squared.sum(0), rtol=1e-3), "it changed: FPGM"
assert squared[0, 8] < 1e-3 < 0.5 < torch.dist(filters[0], filters[8])
PYTHON
env/bin/python run.py
