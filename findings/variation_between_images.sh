#!/usr/bin/env bash
# torch-uncertainty 0.13.0, torchmetrics 1.9.0, PyTorch 2.13.0: `VariationRatio`.
#
# Guess: of probabilities "(B, N, C)", images, networks and classes, as its documentation
#   has them, and as Disagreement in the same package takes them, it is the share of an
#   image's networks that do not say what most say. Equal networks have 0.
# Seen: it takes the mean over the images where that over the networks is meant. Ten
#   networks that are equal, so that Disagreement is 0, have a ratio of 0.85: it is how
#   often an image is told another class than the mean of all images. With
#   reduction="none" 100 images give ten numbers, one for each network. The same images in
#   four batches have another ratio, and a last batch that is smaller ends with an error.
#   The documentation's own example says 0.45, where 0.35 is right. Nothing warns.
# What helps: give it (N, B, C), which is not what it asks for; or take Disagreement.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
# These metrics import torchmetrics alone; the rest of the package would want more.
env/bin/pip install --quiet --no-deps torch-uncertainty==0.13.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import torch

home = importlib.util.find_spec("torch_uncertainty").submodule_search_locations[0]
for part in ("", ".metrics", ".metrics.classification"):  # without their __init__
    package = types.ModuleType("torch_uncertainty" + part)
    package.__path__ = [home + part.replace(".", "/")]
    sys.modules[package.__name__] = package
from torch_uncertainty.metrics.classification.disagreement import Disagreement
from torch_uncertainty.metrics.classification.variation_ratio import VariationRatio

warnings.simplefilter("ignore")  # it says that it keeps all probabilities


def computed(metric, batches):
    for batch in batches:
        metric.update(batch)
    return metric.compute()


def shown(what, found, expected):
    print(f"  {what}: {found:.2f}")
    assert abs(found - expected) < 0.005, "it changed"


print("the documentation's example, two images and three networks:")
example = torch.tensor(
    [[[0.7, 0.3], [0.6, 0.4], [0.8, 0.2]], [[0.4, 0.6], [0.5, 0.5], [0.3, 0.7]]]
)
shown("VariationRatio()", computed(VariationRatio(), [example]), 0.45)
right = 1 - example.mean(dim=1).max(dim=-1).values.mean()
shown("1 - the most likely class's mean probability", right, 0.35)

print("100 images, ten networks that are equal:")
torch.manual_seed(0)
one = torch.softmax(3 * torch.randn(100, 1, 10), dim=-1)
equal = one.expand(-1, 10, -1)
shown("Disagreement()", computed(Disagreement(), [equal]), 0)


def ratio(**settings):
    return VariationRatio(probabilistic=False, **settings)


said = one[:, 0].argmax(-1)
others = (said != one[:, 0].mean(0).argmax()).float().mean().item()
shown("VariationRatio(probabilistic=False)", computed(ratio(), [equal]), others)
assert others > 0.7
four = computed(ratio(), equal.chunk(4))
print(f"  the same in four batches: {four:.2f}")
assert abs(four - others) > 0.02, "it changed"
shown("given as (N, B, C)", computed(ratio(), [equal.transpose(0, 1)]), 0)
numbers = computed(ratio(reduction="none"), [equal])
print(f'  numbers with reduction="none": {len(numbers)}')
assert len(numbers) == 10, "it changed"
try:
    computed(ratio(), equal.split(64))
except RuntimeError as error:
    print("  in batches of 64 and 36:", str(error)[:60])
else:
    raise AssertionError("it changed: a smaller batch")
PYTHON
env/bin/python run.py
