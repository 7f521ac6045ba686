#!/usr/bin/env bash
# baal 2.1.0, PyTorch 2.13.0: `Precision`, the loss of a test, and draws by `Margin`.
#
# Guess: `Precision(num_classes)` "computes the precision for each class": how many of the
#   images that are said to be of a class are of it. `ModelWrapper.test_on_dataset(images)`
#   gives the "average loss value over the dataset". `PowerSampling(Margin(), query_size)`,
#   and GibbsSampling and RankBasedSampling, draw images at random, the more often the less
#   sure the network is of them: `Margin` is there to "sort by the lowest margin".
# Seen: `Precision` divides by the images that are of a class, and so is recall: a network
#   that says class 0 of all images has 1.0 for it, where 0.1 is right. The loss, by which
#   the best weights are kept, is a mean over batches, and so is `Accuracy`: of 66 images in
#   batches of 64 the last two count as much as the others, and half is told for 97 %. That
#   `Margin` and `Certainty` are large where a network is sure is passed over in draws: of
#   all images it is wrong on 23 %, of those drawn by the rank of `Entropy` on 46 %, by that
#   of `Margin` on 5 %, though of the first hundred that `Margin` itself gives on 61 %.
#   Nothing warns.
# What helps: "precision" of `ClassificationReport`; batches that divide the images; and
#   `Entropy` or `BALD` for draws.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 torchmetrics==1.9.0 scikit-learn==1.9.1 \
    scipy==1.17.1 structlog==22.3.0 tqdm==4.70.1 pillow==13.0.0 numpy==2.4.6
# What is used here needs these alone; the rest of the package would want Jupyter.
env/bin/pip install --quiet --no-deps baal==2.1.0
cat > run.py <<'PYTHON'
import contextlib, io, warnings

import numpy as np, torch
from baal import ModelWrapper
from baal.active.heuristics import Certainty, Entropy, Margin
from baal.active.heuristics.stochastics import GibbsSampling, PowerSampling
from baal.active.heuristics.stochastics import RankBasedSampling
from baal.modelwrapper import TrainingArgs
from baal.utils.metrics import Accuracy, ClassificationReport, Precision
from sklearn.metrics import precision_score, recall_score
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

warnings.simplefilter("error")
warnings.simplefilter("ignore", DeprecationWarning)  # its log's, of Python 3.11
labels = torch.arange(1000) % 10
generator = torch.Generator().manual_seed(0)
logits = torch.randn(1000, 10, generator=generator)
logits[torch.arange(1000), labels] += 2.4


def precision(answers):
    metric = Precision(10, average=False)
    metric.update(answers, labels)
    return metric.value


print("precision of each class:")
constant = torch.zeros(1000, 10)
constant[:, 0] = 1
print("  class 0 of a network that always says 0:", precision(constant)[0])
assert precision(constant)[0] == 1, "it changed"
constant_right = precision_score(labels, constant.argmax(1), average=None, zero_division=0)
print("    right:", constant_right[0])
biased = logits + torch.linspace(-1.5, 1.5, 10)
said = biased.argmax(1)
found = precision(biased)
right = precision_score(labels, said, average=None)
print("  one that prefers the later classes:", found.round(2))
print("    right:", right.round(2))
assert np.allclose(found, recall_score(labels, said, average=None)), "it changed"
assert abs(found - right).max() > 0.3
report = ClassificationReport(10)
report.update(biased, labels)
with contextlib.redirect_stdout(io.StringIO()):  # it prints the table
    assert np.allclose(report.value["precision"], right)

print("66 images, the last two of them wrong:")
answers = torch.zeros(66, 10)
answers[:64, 0], answers[64:, 1] = 8, 8
images = TensorDataset(answers, torch.zeros(66, dtype=torch.long))
for size in (64, 33):
    settings = TrainingArgs(batch_size=size, workers=0, criterion=cross_entropy)
    wrapper = ModelWrapper(torch.nn.Identity(), settings)
    wrapper.add_metric("accuracy", Accuracy)
    with contextlib.redirect_stdout(io.StringIO()):  # and tells what it does
        loss = wrapper.test_on_dataset(images)
    accuracy = wrapper.get_metrics("test")["test_accuracy"]
    print(f"  in batches of {size}: loss {loss:.2f}, accuracy {accuracy:.2f}")
    right = cross_entropy(*images.tensors).item(), 64 / 66
    assert np.allclose((loss, accuracy), right, atol=1e-5) == (size == 33), "it changed"
print(f"    right: loss {right[0]:.2f}, accuracy {right[1]:.2f}")

probabilities = logits.softmax(1).numpy()
wrong = (logits.argmax(1) != labels).numpy()
print(f"wrong: {100 * wrong.mean():.0f} % of 1,000 images; of those that are drawn")
for base in (Entropy, Margin, Certainty):
    first = wrong[base()(probabilities)[:100]].mean()
    shares = []
    for sampling in (PowerSampling, GibbsSampling, RankBasedSampling):
        chances = sampling(base(), query_size=100).get_ranks(probabilities)[1]
        shares.append((chances * wrong).sum())
    print(f"  by {base.__name__}:", *(f"{100 * share:.0f} %" for share in shares), end="; ")
    print(f"of its own first hundred {100 * first:.0f} %")
    assert first > 0.5
    rightly = [share > wrong.mean() for share in shares]
    assert rightly == 3 * [base is Entropy], "it changed"
PYTHON
env/bin/python run.py
