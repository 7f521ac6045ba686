#!/usr/bin/env bash
# MONAI 1.6.1, PyTorch 2.13.0: `VoteEnsemble`, and `VarianceMetric` of several networks.
#
# Guess: `VoteEnsemble()` of one-hot answers "will vote to select the most common data
#   between items": the class that most networks say. `VarianceMetric` is the variance of
#   "T-repeats", an "uncertainty based metric for Active Learning": 0 where all networks say
#   the same, and large where they do not.
# Seen: each class is voted on by itself, and is out unless more than half of the networks
#   say it. With votes for 2, 2, 1, 0, 4 no class is left: all zeros, which `argmax` takes
#   for class 0. Half of them is too few: two networks must agree. Of ten networks that are
#   right on 46 % each the votes are right on 89 %, and VoteEnsemble on 36 %, less than one
#   network alone: it has no class for 71 % of the images. Of numbers of classes, with
#   `num_classes`, it is right. VarianceMetric takes networks and classes as repeats alike.
#   Five networks that are sure of one class, and five that are sure of a class each, both
#   have 0.09, and five that know nothing have 0. What it finds the most uncertain is the
#   surest: the networks together are wrong on 22 % of all images, on none of its first 100,
#   and on 50 % of those by the variance over the networks. And it writes `threshold`
#   into what it is given: logits below 0 are 0.0005 afterwards, and a cross-entropy of the
#   same logits is 1.23 in place of 1.36. Nothing warns.
# What helps: VoteEnsemble(num_classes=...) of numbers, shaped (networks, 1, images); and
#   `answers.var(0, unbiased=False).sum(-1)` of answers (networks, images, classes).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet monai==1.6.1 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import torch
from monai.metrics import VarianceMetric
from monai.transforms import VoteEnsemble
from torch.nn.functional import cross_entropy, one_hot

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)


def hot(classes):
    return one_hot(torch.tensor(classes), 5).float()


print("VoteEnsemble of five networks:")
for said, expected in (([2, 2, 2, 1, 0], [0, 0, 1, 0, 0]), ([2, 2, 1, 0, 4], [0] * 5)):
    voted = VoteEnsemble()(list(hot(said))).tolist()
    number = VoteEnsemble(num_classes=5)(torch.tensor(said))
    print(f"  {said}: {voted}; as numbers: class {int(number)}")
    assert voted == expected and number == 2, "it changed"
assert not VoteEnsemble()(list(hot([3, 3, 1, 1]))).any()
assert not VoteEnsemble()(list(hot([3, 3, 1, 0]))).any(), "it changed: half of them"

# Networks that know 40 % of the images and guess one of ten classes for the others.
labels = torch.randint(10, (2000,))
print("right on 2,000 images, each network 46 %:")
for count in (2, 5, 10):
    guesses = torch.randint(10, (count, 2000))
    said = torch.where(torch.rand(count, 2000) < 0.4, labels, guesses)
    votes = one_hot(said, 10).float()
    voted = torch.stack([VoteEnsemble()(list(votes[:, i])) for i in range(2000)])
    assert torch.equal(voted, (votes.sum(0) > count / 2).float()), "it changed"
    numbers = VoteEnsemble(num_classes=10)(said[:, None])[0]
    assert torch.equal(numbers.long(), votes.sum(0).argmax(1))
    nothing = 1 - voted.sum(1).mean()
    answers = (voted.argmax(1), numbers)
    right, most = [100 * (answer == labels).float().mean().item() for answer in answers]
    each = 100 * (said == labels).float().mean()
    print(f"  {count} networks: most votes {most:.0f} %, VoteEnsemble {right:.0f}", end="")
    print(f" %, without a class for {100 * nothing:.0f} %")
assert right < 40 and right < each - 5 and most > 85 and nothing > 0.6, "it changed"


def uncertainty(answers):
    """VarianceMetric of (networks, classes), as "[N, C, H]"."""
    return VarianceMetric()(answers[:, :, None].clone()).item()


print("VarianceMetric of five networks:")
sure = torch.eye(10)
for name, answers, expected in (
    ("sure of the same class", sure[[3] * 5], 0.09),
    ("sure of a class each", sure[:5], 0.09),
    ("that know nothing", torch.full((5, 10), 0.1), 0.0),
):
    found, right = uncertainty(answers), answers.var(0, unbiased=False).sum().item()
    print(f"  {name}: {found:.2f}, the variance over the networks: {right:.2f}")
    assert abs(found - expected) < 0.001, "it changed"

# Images of ten classes, some clear and some not, of which five networks see something each.
clear = 3 * torch.rand(2000, 1)
seen = clear * one_hot(labels, 10) + 0.3 * torch.randn(2000, 10)
logits = 4 * (seen + 0.6 * torch.randn(5, 2000, 10))
answers = torch.softmax(logits, -1)
wrong = answers.mean(0).argmax(1) != labels
by_metric = torch.tensor([uncertainty(answers[:, i]) for i in range(2000)])
by_networks = answers.var(0, unbiased=False).sum(-1)


def wrong_first(uncertain):
    return 100 * wrong[uncertain.argsort(descending=True)[:100]].float().mean().item()


first, right = wrong_first(by_metric), wrong_first(by_networks)
of_all = 100 * wrong.float().mean().item()
print(f"wrong: {of_all:.0f} % of all, {first:.0f} % of the first 100 by VarianceMetric,")
print(f"  {right:.0f} % of the first 100 by the variance over the networks")
assert first < of_all / 3 and right > 1.5 * of_all, "it changed"

before = cross_entropy(logits[0], labels).item()
VarianceMetric()(logits)
after = cross_entropy(logits[0], labels).item()
print(f"cross-entropy of logits: {before:.2f}, and {after:.2f} after VarianceMetric")
assert logits.min() > 0 and abs(after - before) > 0.1, "it changed"
PYTHON
env/bin/python run.py
