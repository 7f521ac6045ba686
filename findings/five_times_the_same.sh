#!/usr/bin/env bash
# probly 0.3.0, PyTorch 2.13.0: how the networks of `Ensemble` and `SubEnsemble` begin.
#
# Guess: `Ensemble(network, 5)` copies the network five times and starts each copy anew,
#   with weights of its own, by `torch_reset_all_parameters`: "reset all parameters of a
#   torch module". `SubEnsemble(network, 5, head)` does so with the head, "a complete
#   network or a single layer".
# Seen: it starts the layers that lie directly in the network, and nothing below them. One
#   of two parts, features and classifier, as torchvision's VGG and AlexNet are, has nothing
#   that it starts: all five are the same, to the bit, and as they were if trained before.
#   Trained together, on the same batches, they stay so: the ensemble is right on 86 %, as
#   each of them is, where the same layers in a row come to 92 %, and the mutual information
#   of any image is 0, so that noise is told from images as by a coin (0.50 for 0.89).
#   Trained one after the other, each in an order of its own, they come to 87 %, for 92. In
#   a network of a first layer, blocks and a last layer 89 % of the weights begin the same.
#   Nothing warns.
# What helps: `reset_parameters` of each module of `ensemble.models` that has it, as below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 scipy==1.17.1 tqdm==4.70.1 numpy==2.4.6
# What is used here needs these alone; the rest would want torchvision and more.
env/bin/pip install --quiet --no-deps probly==0.3.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import numpy as np, torch
from scipy.stats import rankdata
from torch import nn

home = importlib.util.find_spec("probly").submodule_search_locations[0]
for part in ("", ".representation", ".quantification"):  # without their __init__
    package = types.ModuleType("probly" + part)
    package.__path__ = [home + part.replace(".", "/")]
    sys.modules[package.__name__] = package
from probly.quantification.classification import mutual_information
from probly.representation.ensemble import Ensemble
from probly.representation.subensemble import SubEnsemble

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
classes = torch.arange(1000) % 10
patterns = 0.6 * torch.randn(10, 1, 8, 8)
images, tests = (patterns[classes] + torch.randn(1000, 1, 8, 8) for _ in range(2))
noise = 2 * torch.randn(1000, 1, 8, 8)


def layers():
    features = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3)]
    classifier = [nn.ReLU(), nn.Flatten(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10)]
    return features + classifier


def in_a_row():
    return nn.Sequential(*layers())


def two_parts():
    made = layers()
    return nn.Sequential(nn.Sequential(*made[:5]), nn.Sequential(*made[5:]))


def blocks():
    made = layers()
    return nn.Sequential(made[0], nn.Sequential(*made[1:8]), made[8])


def percent_equal(ensemble):
    first, *others = (list(network.parameters()) for network in ensemble.models)
    equal = sum(
        weights.numel()
        for place, weights in enumerate(first)
        if all(torch.equal(weights, other[place]) for other in others)
    )
    return round(100 * equal / sum(weights.numel() for weights in first))


def train(*networks):
    weights = [w for network in networks for w in network.parameters() if w.requires_grad]
    optimizer = torch.optim.Adam(weights, 2e-3)
    for _ in range(15):
        for batch in torch.randperm(1000).split(50):
            optimizer.zero_grad()
            for network in networks:
                answers = network(images[batch])
                nn.functional.cross_entropy(answers, classes[batch]).backward()
            optimizer.step()


def told(what, ensemble):
    ensemble.eval()
    with torch.no_grad():
        answers = map(ensemble.predict_representation, (tests, noise))
        known, unknown = (probabilities.double().numpy() for probabilities in answers)
    right = (known.argmax(-1) == classes.numpy()[:, None]).mean(0)
    together = (known.mean(1).argmax(-1) == classes.numpy()).mean()
    unsure = np.concatenate([mutual_information(unknown), mutual_information(known)])
    area = (rankdata(unsure)[:1000].sum() - 1000 * 1001 / 2) / 1000**2
    said = ", ".join(f"{100 * share:.1f}" for share in right)
    print(f"  {what}: each {said} % right, together {100 * together:.1f} %;")
    print(f"    mutual information {unsure[1000:].mean():.3f}, of noise", end=" ")
    print(f"{unsure[:1000].mean():.3f}; area under the ROC curve {area:.2f}")
    return right, together, unsure.max(), area


results = {}
for make, equal in ((in_a_row, 0), (two_parts, 100), (blocks, 89)):
    torch.manual_seed(1)
    network = make()
    ensemble = Ensemble(network, 5)
    found = percent_equal(ensemble)
    print(f"Ensemble, {make.__name__}: {found} % of the weights begin the same in all five")
    pairs = zip(network.parameters(), ensemble.models[0].parameters())
    as_before = all(torch.equal(weights, copied) for weights, copied in pairs)
    assert found == equal and as_before == (make is two_parts), "it changed"
    if make is blocks:
        break
    train(*ensemble.models)
    results[make, "together"] = told("trained together", ensemble)
    torch.manual_seed(1)
    ensemble = Ensemble(make(), 5)
    for network in ensemble.models:
        train(network)
    results[make, "alone"] = told("one after the other", ensemble)

right, together, most, area = results[two_parts, "together"]
assert len(set(right)) == 1 and together == right[0], "it changed"
assert most == 0 and area == 0.5, "it changed"
for how in ("together", "alone"):
    assert results[in_a_row, how][1] > results[two_parts, how][1] + 0.03, "it changed"
    assert results[in_a_row, how][3] > results[two_parts, how][3] + 0.05, "it changed"

print("SubEnsemble, its head in two parts:")
backbone = nn.Sequential(*layers()[:6])
head = nn.Sequential(nn.Sequential(*layers()[6:8]), nn.Sequential(layers()[8]))
ensemble = SubEnsemble(backbone, 5, head)
train(*ensemble.models)
assert told("trained together", ensemble)[2] == 0, "it changed"

print("Ensemble, two_parts, with all modules started:")
torch.manual_seed(1)
ensemble = Ensemble(two_parts(), 5)
for module in ensemble.models.modules():
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
train(*ensemble.models)
right, together, most, area = told("trained together", ensemble)
assert together > right.max() and most > 0.1 and area > 0.8, "it changed"
PYTHON
env/bin/python run.py
