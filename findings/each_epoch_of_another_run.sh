#!/usr/bin/env bash
# rliable 1.2.0, arch 7.2.0: intervals of a number of learning curves, and `random_state`.
#
# Guess: `get_interval_estimates` takes scores "(num_runs x num_tasks x ..)", among them a
#   "3D matrix containing evaluation scores at multiple points during training", and draws
#   runs anew for each data set: a run that is drawn has all of its epochs. "If specified",
#   `random_state` "ensures reproducibility".
# Seen: each epoch draws runs of its own. For a curve with an interval at each epoch, as in
#   the README, that is no matter. A number of the whole curve is of curves that no run had:
#   five runs that differ by two points, each alike in all its 20 epochs, have a mean over
#   the epochs whose interval of 95 % is 4.3 times too narrow, and holds the true mean in
#   29 % of 200 repetitions, where runs drawn whole hold it in 89. What the last epoch
#   gained, which all runs agree upon, has one that is 8 times too wide. `random_state` is
#   never read: the same one gives another interval each time. NumPy's own global numbers
#   are taken, so that what is shuffled by them afterwards is shuffled differently. Nothing
#   warns. (arch, on which it is built, tells that the name `random_state` is an old one.)
# What helps: the number of each run first, and intervals of a table "runs x data sets";
#   `numpy.random.seed` before each call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet arch==7.2.0 absl-py==2.5.1 pandas==2.3.3 scipy==1.17.1 \
    numpy==2.4.6
# Its intervals import arch and absl; seaborn is for pictures.
env/bin/pip install --quiet --no-deps rliable==1.2.0
cat > run.py <<'PYTHON'
import warnings

import numpy as np
from rliable.library import get_interval_estimates

warnings.simplefilter("error")
warnings.filterwarnings("ignore", "random_state is deprecated")
random = np.random.default_rng(0)
runs, sets, epochs = 5, 3, 20
curve = 80 - 10 * np.exp(-np.arange(epochs) / 4)  # the accuracy of a usual run


def drawn():
    """Accuracies of runs that differ by two points, and by little between epochs."""
    run = random.normal(0, 2, (runs, sets, 1))
    return curve + run + random.normal(0, 0.3, (runs, sets, epochs))


def interval(scores, number, reps=2000, **settings):
    estimates, intervals = get_interval_estimates(
        {"": scores}, lambda s: np.array([number(s).mean()]), reps=reps, **settings
    )
    assert np.isclose(estimates[""][0], number(scores).mean())
    return intervals[""][:, 0]


def by_hand(scores, number, reps=2000):
    """Runs are drawn for each data set, and a run has all of its epochs."""
    rows = random.integers(runs, size=(reps, runs, sets))
    means = number(scores[rows, np.arange(sets)]).mean(axis=(1, 2))
    return np.quantile(means, [0.025, 0.975])


def mean(scores):
    return scores.mean(axis=-1)


def last(scores):
    return scores[..., -1]


def gain(scores):
    return scores[..., -1] - scores[..., -2]


def itself(table):
    return table


np.random.seed(0)
scores = drawn()
print("width of the interval: of the curves, of a number of each run, by hand")
widths = {}
for number in (mean, last, gain):
    found = interval(scores, number), interval(number(scores), itself)
    widths[number] = [np.ptp(ends) for ends in (*found, by_hand(scores, number))]
    print(f"  {number.__name__}:", *(f"{width:.2f}" for width in widths[number]))
    assert 0.9 < widths[number][1] / widths[number][2] < 1.1
assert 4 < widths[mean][2] / widths[mean][0] < 5, "it changed: the mean over the epochs"
assert 0.9 < widths[last][0] / widths[last][2] < 1.1
assert 7 < widths[gain][0] / widths[gain][2] < 9, "it changed: what an epoch gained"

held = np.zeros(2, int)
for repetition in range(200):
    scores = drawn()
    for which, ends in enumerate((interval(scores, mean, 500), by_hand(scores, mean, 500))):
        held[which] += ends[0] <= curve.mean() <= ends[1]
held = held // 2
print(f"in %, how often that of the mean holds the true one: {held[0]}, by hand {held[1]}")
assert held[0] < 40 and held[1] > 80, "it changed: how often it holds"

ends = [
    interval(scores, last, random_state=np.random.RandomState(state)) for state in (1, 1)
]
print("twice with the same random_state:", *(np.round(pair, 2) for pair in ends))
assert not np.array_equal(*ends), "it changed: random_state is read"
ends = []
for state in (1, 2):
    np.random.seed(0)
    ends.append(interval(scores, last, random_state=np.random.RandomState(state)))
print("other ones after the same numpy.random.seed are equal:", np.array_equal(*ends))
assert np.array_equal(*ends), "it changed: random_state is read"
np.random.seed(0)
order = np.random.permutation(1000)
np.random.seed(0)
interval(scores, last, random_state=np.random.RandomState(1))
moved = (np.random.permutation(1000) != order).any()
print("images shuffled by NumPy afterwards have another order:", bool(moved))
assert moved, "it changed: NumPy's global numbers are left alone"
PYTHON
env/bin/python run.py
