#!/usr/bin/env bash
# torchcp 1.2.1, PyTorch 2.13.0: prediction sets by its score `KNN` with p="cosine".
#
# Guess: KNN(features, labels, 10, k=5) scores a class by how far an image is from the five
#   nearest training images of it, against the five nearest of all others. p="cosine" takes
#   the cosine distance in place of the Euclidean one. Of features of length 1 the two have
#   the same order, so that the sets are about as large.
# Seen: the cosine itself is taken for a distance, and the least alike for the nearest. Of
#   features that are never negative, as after ReLU, the score is upside down: the right
#   class has the largest one of all. Sets that hold the right class of 90 % of the images
#   have 9.9 of ten classes, where with the Euclidean distance, or with 1 minus the cosine,
#   they have 0.9. The coverage does not tell: it is right with any score. Nothing warns.
#   (Where features are negative as well, their signs can hide it.)
# What helps: features divided by their lengths, and p=2.
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

import torch

home = importlib.util.find_spec("torchcp").submodule_search_locations[0]
for part in ("", ".utils", ".predictor", ".score"):  # without their __init__
    for name in ("torchcp", "torchcp.classification" + part):
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [home + name.removeprefix("torchcp").replace(".", "/")]
from torchcp.classification.utils.conf_calibration import ConfCalibrator

sys.modules["torchcp.classification.utils"].ConfCalibrator = ConfCalibrator
from torchcp.classification.predictor.split import SplitPredictor
from torchcp.classification.score.knn import KNN
from torchcp.classification.utils.metrics import average_size, coverage_rate

warnings.simplefilter("error")
warnings.simplefilter("ignore", DeprecationWarning)  # of a setting that is not used here
CLASSES, K = 10, 5
torch.manual_seed(0)
centres = 2 * torch.rand(CLASSES, 64) ** 2


def drawn(count):
    """Features as after ReLU: those of a class are near one another, and none negative."""
    labels = torch.arange(count) % CLASSES
    return torch.relu(centres[labels] + 0.5 * torch.randn(count, 64)), labels


training, calibration, test = drawn(500), drawn(1000), drawn(1000)


def unit(features):
    return features / features.norm(dim=1, keepdim=True)


class OneMinusCosine(KNN):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.transform = lambda a, b: 1 - unit(a) @ unit(b).T


def sets(score, change=lambda features: features):
    """Coverage and size of the sets, and how often the right class has the least score."""
    predictor = SplitPredictor(score)
    predictor.calculate_threshold(change(calibration[0]), calibration[1], 0.1)
    found = predictor.predict_with_logits(change(test[0]))
    least = score(change(test[0])).argmin(1) == test[1]
    right = round(100 * least.float().mean().item())
    return coverage_rate(found, test[1]), average_size(found), right


lengths_of_one = KNN(unit(training[0]), training[1], CLASSES, k=K)
print("sets for alpha=0.1, ten classes: coverage, size, the right class's score is least")
results = {
    "p=2": sets(KNN(*training, CLASSES, k=K)),
    "p=2, features of length 1": sets(lengths_of_one, unit),
    "1 minus the cosine": sets(OneMinusCosine(*training, CLASSES, k=K)),
    'p="cosine"': sets(KNN(*training, CLASSES, k=K, p="cosine")),
}
for name, (coverage, size, least) in results.items():
    print(f"  {name}: {coverage:.2f}, {size:.2f} classes, {least} %")
    assert 0.87 < coverage < 0.93
*right, cosine = results.values()
assert all(size < 1 and least > 98 for _, size, least in right)
assert cosine[1] > 9.5 and cosine[2] == 0, "it changed"
largest = KNN(*training, CLASSES, k=K, p="cosine")(test[0]).argmax(1) == test[1]
assert largest.all(), "it changed"
PYTHON
env/bin/python run.py
