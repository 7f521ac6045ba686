#!/usr/bin/env bash
# pytorch-dml 1.1.0, torchvision 0.28.0, PyTorch 2.13.0: `get_cifar10_loaders`.
#
# Guess: `get_cifar10_loaders()` gives loaders of CIFAR-10 for training, validation and
#   testing. Training images are cropped at random and mirrored ("data augmentation for
#   training"); the tenth of them that is set apart for validation (val_split=0.1, the
#   default) is not ("apply test transform to validation set").
# Seen: both parts are views of one data set, and the validation's transform is set on that:
#   it takes the place of the other. No training image is ever cropped or mirrored: in ten
#   epochs 90 images are seen as 90 different ones, where about ten times as many are right.
#   With val_split=0 they are augmented, and there is no validation. So it is with
#   `get_cifar100_loaders`, which the README trains with. Nothing warns.
# What helps: `train_loader.dataset.dataset.transform` set to one's own, with a data set of
#   its own for validation; or val_split=0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 torchvision==0.28.0 pillow==13.0.0 numpy==2.4.6 \
    tqdm==4.70.1
env/bin/pip install --quiet --no-deps pytorch-dml==1.1.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import numpy as np, torch

try:
    import torchvision
except RuntimeError:  # PyTorch for processors and torchvision for GPUs: two of its
    library = torch.library.Library("torchvision", "FRAGMENT")  # operations are missing
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
from PIL import Image
from torchvision import datasets

home = importlib.util.find_spec("pydml").submodule_search_locations[0]
for name in ("pydml", "pydml.utils"):
    package = sys.modules[name] = types.ModuleType(name)  # without its __init__
    package.__path__ = [home + name.removeprefix("pydml").replace(".", "/")]
from pydml.utils.data import get_cifar10_loaders, get_cifar100_loaders

warnings.simplefilter("ignore")  # of memory that is pinned without a GPU
torch.set_num_threads(1)


class Small(torch.utils.data.Dataset):
    """100 random images in place of the 50,000, which would have to be downloaded."""

    def __init__(self, root, train, download, transform):
        self.transform = transform
        pixels = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), "uint8")
        self.images = [Image.fromarray(image) for image in pixels]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index


datasets.CIFAR10 = datasets.CIFAR100 = Small


def different(loader, epochs=10):
    """How many images there are, and how many different ones in ten epochs."""
    seen = {
        (int(label), image.numpy().tobytes())
        for epoch in range(epochs)
        for images, labels in loader
        for image, label in zip(images, labels)
    }
    return len(loader.dataset), len(seen)


for get in (get_cifar10_loaders, get_cifar100_loaders):
    print(get.__name__, "(images, different ones in ten epochs):")
    torch.manual_seed(0)
    train, validation, _ = get(num_workers=0)
    found = different(train), different(validation)
    print("  val_split=0.1, the default: training", found[0], "validation", found[1])
    assert found == ((90, 90), (10, 10)), "it changed"
    train, _, test = get(num_workers=0, val_split=0)
    images, seen = different(train)
    print("  val_split=0: training", (images, seen))
    assert images == 100 and seen > 900, "it changed"
PYTHON
env/bin/python run.py
