#!/usr/bin/env bash
# torchmetrics 1.9.0, PyTorch 2.13.0: two settings of one metric in a MetricCollection.
#
# Guess: a `MetricCollection` computes what its metrics compute one by one. By default it
#   finds "compute groups", metrics that keep the same counts, such as accuracy and F1, and
#   counts for them once. Other settings of a metric (`ignore_index`, `threshold`) count
#   differently, and are in no such group.
# Seen: it looks at the counts after the first batch, and at nothing else. Where these are
#   equal by chance, the metrics are one from then on, for all epochs, `reset` or not: the
#   first by its name counts, and the others tell its numbers. Test images that are sorted
#   by class have none of the class that is to be left out in the first batch: "known" and
#   "all" are both 75 %, where "known" is 83 %. Where the first batch is told surely, the
#   accuracy at threshold 0.9 is that at 0.5: 83 % in place of 50. With the last batch first
#   all is right. Calling the collection in place of `update` does not merge. Nothing warns.
# What helps: `MetricCollection(..., compute_groups=False)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

warnings.simplefilter("error")


def accuracies():
    return {
        "all": MulticlassAccuracy(10, average="micro"),
        "known": MulticlassAccuracy(10, average="micro", ignore_index=9),
    }


def thresholds():
    return {f"over_{p}": BinaryAccuracy(threshold=p / 100) for p in (50, 90)}


def told(metrics, *epochs, by_call=False, **settings):
    collection = MetricCollection(metrics(), **settings)
    for batches in epochs:
        collection.reset()
        for batch in batches:
            collection(*batch) if by_call else collection.update(*batch)
    return {name: round(100 * value.item()) for name, value in collection.compute().items()}


def shown(what, found, expected):
    print(f"  {what}: {found}")
    assert found == expected, "it changed"


# 120 images, 12 of each class, sorted; of the last class none is right, of the others 10.
labels = torch.arange(10).repeat_interleave(12)
said = torch.where(torch.arange(120) % 12 < 2, (labels + 1) % 9, labels)
said = torch.where(labels == 9, 0, said)
in_order = list(zip(said.split(24), labels.split(24)))
merged, right = {"all": 75, "known": 75}, {"all": 75, "known": 83}
print("accuracy of all classes, and without class 9, in %:")
shown("sorted by class", told(accuracies, in_order), merged)
shown("the last batch first", told(accuracies, in_order[::-1]), right)
shown("so in a second epoch", told(accuracies, in_order, in_order[::-1]), merged)
shown("compute_groups=False", told(accuracies, in_order, compute_groups=False), right)
shown("called", told(accuracies, in_order, by_call=True), right)

# The first batch is sure and right; of the other one 6 are right at 0.5, and 2 at 0.9.
sure = torch.tensor([0.99, 0.01, 0.99, 0.01]), torch.tensor([1, 0, 1, 0])
unsure = torch.full((8,), 0.8), torch.tensor([1, 1, 1, 1, 1, 1, 0, 0])
print("accuracy at the thresholds 0.5 and 0.9, in %:")
merged, right = {"over_50": 83, "over_90": 83}, {"over_50": 83, "over_90": 50}
shown("the sure batch first", told(thresholds, [sure, unsure]), merged)
shown("last", told(thresholds, [unsure, sure]), right)
PYTHON
env/bin/python run.py
