#!/usr/bin/env bash
# torchcp 1.2.1, PyTorch 2.13.0: `WeightedPredictor`, for test images that are unlike those
# of the calibration.
#
# Guess: as in the paper that it names (Tibshirani and others), each calibration image
#   counts as much as such images are more frequent among the test images, by a classifier
#   that tells the two apart: the sets hold the right class of 1 - alpha of the test images,
#   and are no larger than that takes. If no classifier is handed over, it trains one.
# Seen: the scores are sorted, and the weights too, each by themselves, so that the largest
#   weight goes to the worst score, whichever image it is of. Test images that are brighter,
#   and easier, need 0.93 classes in a set for 90 %, and without weights get 1.65; with
#   weights they get 3.3, for 99.8 %. The classifier that it trains answers with
#   probabilities, which its loss takes for logits: a bright image, which should weigh 7
#   times as much as a dark one, weighs thousands of times as much, and the sets have 6.7
#   classes, for 100 %. Nothing warns: the coverage is at least what was asked for.
# What helps: `weighted` below, with the weights in the order of the scores; and a
#   classifier of one's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 scikit-learn==1.9.1 tqdm==4.70.1 numpy==2.4.6
# These parts import these alone; the rest of the package would want graphs and more.
env/bin/pip install --quiet --no-deps torchcp==1.2.1
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import numpy as np, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

home = importlib.util.find_spec("torchcp").submodule_search_locations[0]
for part in ("", ".utils", ".predictor", ".score"):  # without their __init__
    for name in ("torchcp", "torchcp.classification" + part):
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [home + name.removeprefix("torchcp").replace(".", "/")]
from torchcp.classification.utils.conf_calibration import ConfCalibrator

sys.modules["torchcp.classification.utils"].ConfCalibrator = ConfCalibrator
from torchcp.classification.predictor.split import SplitPredictor
from torchcp.classification.predictor.utils import IW, build_DomainDetecor
from torchcp.classification.predictor.weight import WeightedPredictor
from torchcp.classification.score.lac import LAC

warnings.simplefilter("error")
warnings.simplefilter("ignore", DeprecationWarning)  # of a setting that is not used here
IMAGES, CLASSES, ALPHA, BRIGHTER = 5000, 10, 0.1, 1.0
random = np.random.default_rng(0)


def drawn(mean):
    """Rows: how bright an image is, and the network's logits, surer if it is bright."""
    bright = random.normal(mean, 1, IMAGES)
    labels = random.integers(0, CLASSES, IMAGES)
    sure = 6 / (1 + np.exp(-2 * bright))
    logits = np.eye(CLASSES)[labels] * sure[:, None] + random.normal(size=(IMAGES, CLASSES))
    rows = np.concatenate([bright[:, None], logits], 1)
    return torch.tensor(rows, dtype=torch.float32), torch.tensor(labels)


def weight(bright):
    """How much more frequent that brightness is among the test images."""
    return torch.exp(BRIGHTER * bright - BRIGHTER**2 / 2)


class Columns(nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.columns = columns
        self.unused = nn.Parameter(torch.zeros(1))  # it asks where these are

    def forward(self, rows):
        return rows[:, self.columns]


class Known(nn.Module):
    """Probabilities that an image is of the calibration set, and of the test set."""

    def forward(self, bright):
        odds = torch.cat([torch.ones_like(bright), weight(bright)], 1)
        return odds / odds.sum(1, keepdim=True)


calibration, test = drawn(0.0), drawn(BRIGHTER)
network, encoder = Columns(slice(1, None)), Columns(slice(0, 1))
batches = [DataLoader(TensorDataset(*data), 500) for data in (calibration, test)]


def told(predictor):
    predictor.calibrate(batches[0], ALPHA)
    results = predictor.evaluate(batches[1])
    return results["coverage_rate"], results["average_size"]


def weighted(sorted_weights=False):
    """The same by hand; and with the weights sorted by themselves."""
    scores, order = LAC()(calibration[0][:, 1:], calibration[1]).sort()
    weights = weight(calibration[0][order, 0])
    if sorted_weights:
        weights = weights.sort().values
    sums = weights.cumsum(0)
    enough = (1 - ALPHA) * (sums[-1] + weight(test[0][:, 0]))
    limits = torch.cat([scores, torch.tensor([torch.inf])])
    limits = limits[torch.searchsorted(sums, enough)]
    sets = LAC()(test[0][:, 1:]) <= limits[:, None]
    covered = sets[torch.arange(IMAGES), test[1]]
    return covered.float().mean().item(), sets.sum(1).float().mean().item()


def trained_rightly():
    """The classifier that it would train, by the logarithm of its probabilities."""
    classifier = build_DomainDetecor(1, 2, "cpu")
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.001)
    bright = torch.cat([calibration[0][:, :1], test[0][:, :1]])
    which = torch.arange(2).repeat_interleave(IMAGES)
    for epoch in range(5):
        for batch in torch.randperm(2 * IMAGES).split(1024):
            loss = nn.functional.nll_loss(classifier(bright[batch]).log(), which[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return classifier


settings = {"score_function": LAC(), "model": network, "image_encoder": encoder}
torch.manual_seed(0)
torch.set_num_threads(1)
own = WeightedPredictor(**settings)
given = WeightedPredictor(**settings, domain_classifier=Known())
found = {
    "without weights": told(SplitPredictor(LAC(), network)),
    "weighted by hand": weighted(),
    "by hand, weights sorted by themselves": weighted(sorted_weights=True),
    "with a classifier that is right": told(given),
    "with one that it trains": told(own),
}
print("brighter test images: how many sets hold the right class, and classes in a set")
for name, (coverage, size) in found.items():
    print(f"  {name}: {100 * coverage:.1f} %, {size:.2f}")
plain, right, by_themselves, with_given, with_own = found.values()
assert 0.87 < right[0] < 0.93 and right[1] < 1 < plain[1]
assert np.allclose(with_given, by_themselves, atol=0.002), "it changed"
assert with_given[0] > 0.99 and with_given[1] > 1.5 * plain[1], "it changed"
assert with_own[0] > 0.99 and with_own[1] > 5, "it changed"

print("how much more a bright image weighs than a dark one")
ratios = []
for name, classifier in {
    "rightly": Known(),
    "by what it trains": own.domain_classifier,
    "by the same, trained rightly": trained_rightly(),
}.items():
    bright, dark = IW(classifier)(torch.tensor([[1.0], [-1.0]])).tolist()
    ratios.append(bright / dark)
    print(f"  {name}: {ratios[-1]:.3g}")
assert ratios[1] > 100 and abs(ratios[0] - 7.39) < 0.01 and 4 < ratios[2] < 14
PYTHON
env/bin/python run.py
