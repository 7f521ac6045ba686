#!/usr/bin/env bash
# TensorFlow Probability 0.25.0: `tfp.stats.brier_decomposition` where some classes are
# more frequent than others.
#
# Guess: "Score = Uncertainty - Resolution + Reliability". Resolution tells how far the
#   classes' shares among the images of one answer lie from their shares among all images:
#   a network that answers the same on everything has 0.
# Seen: so it is where all classes are as frequent. Otherwise the share of class l among the
#   images of an answer is compared with that of the answer's own class, in place of l's:
#   numbers for each class l are laid out along the answers. With shares of 70, 20 and 10 %
#   the network that answers the same on everything is told 0.61 in place of 0, and one that
#   does tell classes apart 0.56 in place of 0.12: the worse one is ahead. The three do not
#   add up to the Brier score, -1.15 in place of -0.54. Nothing warns. (Seen with the NumPy
#   backend, which is quick to install, and with TensorFlow's.)
# What helps: uncertainty + reliability - score, where an answer always has the same
#   probabilities; or the formula itself, as below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet absl-py==2.5.1 cloudpickle==3.1.3 decorator==5.3.1 \
    dm-tree==0.1.10 gast==0.7.0 six==1.17.0 numpy==2.4.6 scipy==1.17.1
env/bin/pip install --quiet --no-deps tensorflow-probability==0.25.0
cat > run.py <<'PYTHON'
import numpy as np
from tensorflow_probability.substrates import numpy as tfp

np.seterr(divide="ignore")  # the reliability takes logarithms of 0 on its way


def images(counts):
    """Label and answer of each image, of a table of how often answers and labels meet."""
    counts = np.array(counts)
    answers, labels = np.indices(counts.shape).reshape(2, -1)
    return [np.repeat(x, counts.ravel()).astype("int32") for x in (labels, answers)]


def shown(what, counts, probabilities, expected):
    labels, answers = images(counts)
    table, classes = np.array(counts), len(counts)
    logits = np.log(probabilities)[answers].astype("float32")
    told = [float(part) for part in tfp.stats.brier_decomposition(labels, logits)]
    score = float(tfp.stats.brier_score(labels, logits).mean())

    said = table.sum(1)
    shares = table.sum(0) / table.sum()
    among = table / np.maximum(said, 1)[:, None]
    distances = ((among - shares[None, :]) ** 2).sum(1)
    resolution = (said * distances).sum() / said.sum()
    off = ((probabilities - among) ** 2).sum(1)
    parts = [-(shares**2).sum(), resolution, (said * off).sum() / said.sum()]

    print(f"{what}: score {score:.3f}")
    for who, (uncertainty, resolution, reliability) in (("told", told), ("right", parts)):
        total = uncertainty - resolution + reliability
        print(
            f"  {who}: uncertainty {uncertainty:.3f}, resolution {resolution:.3f},"
            f" reliability {reliability:.3f}, together {total:.3f}"
        )
    assert abs(parts[0] - parts[1] + parts[2] - score) < 1e-5
    assert abs(told[0] - parts[0]) < 1e-5 and abs(told[2] - parts[2]) < 1e-5
    assert abs(told[1] - expected) < 0.001, "it changed: resolution"
    return told[1], parts[1]


sure = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
# Rows are answers, columns labels; 700, 200 and 100 images of the three classes.
same = shown(
    "the same on everything, its classes' shares",
    [[700, 200, 100], [0, 0, 0], [0, 0, 0]],
    np.tile([0.7, 0.2, 0.1], (3, 1)),
    0.61,
)
apart = shown(
    "classes told apart", [[428, 13, 9], [150, 150, 0], [122, 37, 91]], sure, 0.561
)
assert same[1] < 1e-9 and apart[1] > 0.1 and same[0] > apart[0], "it changed: the order"
balanced = shown(
    "classes told apart, 300 images of each",
    [[250, 40, 10], [30, 240, 30], [20, 20, 260]],
    sure,
    0.378,
)
assert abs(balanced[0] - balanced[1]) < 1e-5
PYTHON
env/bin/python run.py
