#!/usr/bin/env bash
# MONAI 1.6.1, PyTorch 2.13.0: the labels that `CutMix` and `CutMixd` give.
#
# Guess: `images, labels = cutmix(images, labels)`, which the documentation calls "the most
#   common use case", puts a patch of another image of the batch into each, and mixes their
#   labels, one-hot, by the patch's share, as in the paper.
# Seen: labels are taken for pictures: the patch is cut out of them too. Of labels of shape
#   (images, classes) no side is left to cut from, and the whole label is replaced. Each
#   image gets the label of the one that its patch is from, and nothing of its own, where
#   89 % of its pixels are its own (a batch of 256, alpha=1). A network that is right on
#   95 % without CutMix is right on 57 % with it, and on 94 with labels that fit. Labels of
#   shape (images, classes, 1, 1) stay as they are instead. `CutMixd` does the same.
#   `apply_on_labels`, which the class has for it, is called by nothing since 1.4.0; it goes
#   by the share that was drawn, half in the mean, and patches are cut off at the edge.
#   PyTorch warns of an old way to index, and nothing warns of labels. `MixUp` refuses such
#   labels. (Labels that are pictures, for segmentation, are right.)
# What helps: `cutmix(images)` alone, and labels by the pixels: `cutmix.apply` of numbers
#   of the images tells whose each pixel is, as below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet monai==1.6.1 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import torch
from monai.transforms import CutMix, CutMixd, MixUp
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

warnings.simplefilter("error")
warnings.filterwarnings("ignore", message="Using a non-tuple sequence")
torch.set_num_threads(1)


def cut(labels):
    """The share of each image's pixels that are its own, the labels, and the CutMix."""
    cutmix = CutMix(batch_size=256, alpha=1.0)
    cutmix.set_random_state(0)
    numbers = torch.arange(256.0).reshape(-1, 1, 1, 1).expand(-1, 1, 32, 32)
    mixed, mixed_labels = cutmix(numbers.clone(), labels)
    return (mixed == numbers).float().mean((1, 2, 3)), mixed_labels, cutmix


# 256 images, each of one gray, its number, and each of a class of its own.
labels = torch.eye(256)
own, told, cutmix = cut(labels)
drawn = cutmix.apply_on_labels(labels)
others = own < 1  # the rest has no patch of another image
print(f"{others.sum()} images that have a patch of another one, by CutMix(alpha=1):")
print(f"  pixels of their own: {100 * own[others].mean():.0f} %")
print(f"  label of their own: {100 * told.diag()[others].mean():.0f} %")
print(f"  by apply_on_labels: {100 * drawn.diag()[others].mean():.0f} %")
assert others.sum() > 200 and 0.8 < own[others].mean() < 0.95, "it changed"
assert not told.diag()[others].any() and (told.max(1).values == 1).all(), "it changed"
partners = told.argmax(1)
assert len(set(partners.tolist())) == 256 and told.sum() == 256  # whole labels, moved
assert (drawn[torch.arange(256), partners][others] > 0).all()  # those whose patch it is
assert 0.4 < drawn.diag()[others].mean() < 0.65

by_key = CutMixd(keys="image", label_keys="label", batch_size=256)
by_key.set_random_state(0)
batch = by_key({"image": torch.rand(256, 3, 32, 32), "label": labels})
whole = int((batch["label"].max(1).values == 1).sum())
print(f"  by CutMixd: {whole} of 256 labels are of one image alone")
assert ((batch["label"] == 0) | (batch["label"] == 1)).all(), "it changed"
shaped = cut(labels[:, :, None, None])[1][:, :, 0, 0]
kept = (shaped == labels).all(1)[others].float().mean()
print(f"  labels of shape (256, 256, 1, 1): {100 * kept:.0f} % as they were")
assert kept > 0.9, "it changed"
try:
    MixUp(batch_size=256)(torch.rand(256, 3, 32, 32), labels)
except ValueError as error:
    print("  MixUp:", error)
else:
    raise AssertionError("it changed: MixUp")

# Ten classes, each a pattern of its own, with noise.
torch.manual_seed(0)
patterns = torch.randn(10, 3, 16, 16)


def pictures(number):
    classes = torch.randint(10, (number,))
    noise = 6 * torch.randn(number, 3, 16, 16)
    return patterns[classes] + noise, one_hot(classes, 10).float()


images, labels = pictures(2048)
test_images, test_labels = pictures(1000)


def accuracy(augment):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    cutmix = CutMix(batch_size=64, alpha=1.0)
    cutmix.set_random_state(1)
    for epoch in range(10):
        for chosen in torch.randperm(2048).split(64):
            optimizer.zero_grad()
            mixed, targets = augment(cutmix, images[chosen], labels[chosen])
            cross_entropy(network(mixed), targets).backward()
            optimizer.step()
    with torch.no_grad():
        right = network(test_images).argmax(1) == test_labels.argmax(1)
    return 100 * right.float().mean().item()


def by_pixels(cutmix, images, labels):
    mixed = cutmix(images)
    numbers = torch.arange(64.0).reshape(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    seen = cutmix.apply(numbers).flatten(1).long()  # which image each pixel is of
    return mixed, labels[seen].mean(1)


found = {
    "without CutMix": accuracy(lambda cutmix, *batch: batch),
    "cutmix(images, labels)": accuracy(lambda cutmix, *batch: cutmix(*batch)),
    "labels by pixels": accuracy(by_pixels),
}
print("right after ten epochs, in %:")
for name, value in found.items():
    print(f"  {name}: {value:.0f}")
without, documented, pixels = found.values()
assert without > 85 and pixels > 85 and documented < 65, "it changed"
PYTHON
env/bin/python run.py
