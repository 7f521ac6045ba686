#!/usr/bin/env bash
# torchcp 1.2.1, PyTorch 2.13.0: `WSC`, the coverage of the worst slice.
#
# Guess: `WSC(features, prediction_sets, labels)` looks, on a part of the images, for the
#   slice of the features whose sets hold the right class least often, and tells how often
#   they do in that slice of the other images, as in Romano and others' paper, whose code it
#   names: 1 means that no slice is worse. Which class has which number is no matter.
# Seen: the search is handed the labels in place of what is covered. It takes the slice in
#   which the numbers of the classes are least, if their mean is below 1 there, and all
#   images otherwise. Of sets that hold the right class in 92 % of all images, and in half
#   of those at one end of the features, it tells 92 %, as if no slice were worse. Where the
#   class at that end is number 0 it tells 50 %, and of the same classes numbered from the
#   other end 92 %. Where class 0 is elsewhere it tells 100 %. Nothing warns.
# What helps: a search of one's own; on each direction a cumulative sum will do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 scikit-learn==1.9.1 tqdm==4.70.1 numpy==2.4.6
# The metrics import these alone; the rest of the package would want graphs and more.
env/bin/pip install --quiet --no-deps torchcp==1.2.1
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import numpy as np, torch

home = importlib.util.find_spec("torchcp").submodule_search_locations[0]
for part in ("", ".classification", ".classification.utils"):  # without their __init__
    package = types.ModuleType("torchcp" + part)
    package.__path__ = [home + part.replace(".", "/")]
    sys.modules[package.__name__] = package
from torchcp.classification.utils.metrics import WSC, coverage_rate

warnings.simplefilter("error")
IMAGES, DIRECTIONS = 2000, 50
random = np.random.default_rng(0)
features = random.normal(size=(IMAGES, 2))
end = features[:, 0] > 1  # one image in six
covered = ~end | (random.random(IMAGES) < 0.5)


def told(labels):
    sets = torch.zeros(IMAGES, 10, dtype=torch.int)
    sets[torch.arange(IMAGES), torch.tensor(labels)] = torch.tensor(covered).int()
    labels = torch.tensor(labels)
    everywhere = coverage_rate(sets, labels)
    return everywhere, WSC(torch.tensor(features), sets, labels, M=DIRECTIONS)


def worst(delta=0.1):
    """The same search: on a quarter of the images, told on the others."""
    first, rest = np.split(np.random.default_rng(1).permutation(IMAGES), [IMAGES // 4])
    best = 1.0, None
    for angle in np.linspace(0, np.pi, DIRECTIONS, endpoint=False):
        along = features @ [np.cos(angle), np.sin(angle)]
        order = first[np.argsort(along[first])]
        sums = np.concatenate(([0], np.cumsum(covered[order])))
        for begin in range(len(order)):
            ends = np.arange(begin + int(delta * len(order)), len(order) + 1)
            if len(ends):
                shares = (sums[ends] - sums[begin]) / (ends - begin)
                if shares.min() < best[0]:
                    last = order[ends[shares.argmin()] - 1]
                    best = shares.min(), (along, along[order[begin]], along[last])
    along, low, high = best[1]
    inside = rest[(along[rest] >= low) & (along[rest] <= high)]
    return covered[inside].mean()


print(f"covered: all {covered.mean():.2f}, at one end {covered[end].mean():.2f}", end="")
right = worst()
print(f", in the worst slice {right:.2f}")
assert right < 0.6
by_end = np.where(end, 0, random.integers(1, 10, IMAGES))
other_end = np.where(features[:, 0] < -1, 0, random.integers(1, 10, IMAGES))
for what, labels, expected in (
    ("classes that have nothing to do with it", random.integers(0, 10, IMAGES), 0.92),
    ("one class at that end, number 0", by_end, right),
    ("the same, numbered from the other end", 9 - by_end, 0.92),
    ("class 0 at the other end", other_end, 1),
):
    everywhere, found = told(labels)
    print(f"  {what}: {everywhere:.2f}, WSC {found:.2f}")
    assert abs(everywhere - covered.mean()) < 1e-6
    assert abs(found - expected) < 0.07, "it changed"
PYTHON
env/bin/python run.py
