#!/usr/bin/env bash
# torch-uncertainty 0.13.0, torchvision 0.28.0, PyTorch 2.13.0: `CorruptedDataset`, and the
# corruption `GaussianBlur`.
#
# Guess: `CorruptedDataset(images, shift_severity, generate=True)` writes 15 corrupted
#   versions of all images to disk, as CIFAR-10-C has them; `generate` is "equivalent of the
#   download attributes": a later run leaves it out and reads the same images and labels.
#   `GaussianBlur(severity)` blurs an image, from severity 1 to 5.
# Seen: the first run is right. A later one sorts the files by the image's number, as text,
#   so that all 15 versions of image 0 come first, then those of 1, 10, 11 and so on, and
#   lays the labels beside them as they were written: those of all images, 15 times over.
#   Of 40 images a network that is right on all of them is right on 100 % in the first run,
#   and on 8 % of the same files in the next, which is chance. The number of files is
#   checked, and fits. (With generate=True `targets` is twice as long as the set.)
#   GaussianBlur(1) leaves images as they are, to the bit: with a deviation of one pixel its
#   kernel has a side of one pixel; those of 2 and 3 both have 9. Nothing warns.
# What helps: generate=True each time, or labels by the number in a file's name, as below;
#   kornia's `gaussian_blur2d` with a kernel of one's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 torchvision==0.28.0 kornia==0.9.0 einops==0.8.2 \
    opencv-python-headless==5.0.0.93 scipy==1.17.1 tqdm==4.70.1 numpy==2.4.6
# The pictures of frost; the rest of the package would want Lightning and more.
env/bin/pip install --quiet --no-deps torch-uncertainty==0.13.0 \
    torch-uncertainty-assets==0.5.2
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings
from pathlib import Path

import numpy as np, torch
from PIL import Image

warnings.simplefilter("ignore")  # Pillow and kornia tell of what they will drop one day
try:
    import torchvision
except RuntimeError:  # PyTorch for processors and torchvision for GPUs: two of its
    library = torch.library.Library("torchvision", "FRAGMENT")  # operations are missing
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from torchvision.datasets import VisionDataset

home = importlib.util.find_spec("torch_uncertainty").submodule_search_locations[0]
for part in ("", ".datasets", ".transforms"):  # without their __init__
    package = sys.modules["torch_uncertainty" + part] = types.ModuleType(part)
    package.__path__ = [home + part.replace(".", "/")]
from torch_uncertainty.datasets.frost import FrostImages

sys.modules["torch_uncertainty.datasets"].FrostImages = FrostImages
from kornia.filters import gaussian_blur2d
from torch_uncertainty.datasets.corrupted import CorruptedDataset
from torch_uncertainty.transforms.corruption import GaussianBlur

torch.manual_seed(0)
torch.set_num_threads(1)
random = np.random.default_rng(0)
patterns = random.integers(0, 256, (10, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
labels = random.permutation(40) % 10
pixels = patterns[labels] + random.normal(0, 10, (40, 32, 32, 3))


class Pictures(VisionDataset):
    """40 images of ten patterns, with a list of labels, as torchvision's CIFAR10 has it."""

    def __init__(self):
        super().__init__("data", transform=None)
        self.data = pixels.clip(0, 255).astype("uint8")
        self.targets = labels.tolist()

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return Image.fromarray(self.data[index]), self.targets[index]


def scaled(images):
    flat = np.asarray(images, "float64").reshape(-1, 32 * 32 * 3)
    return (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)


def percent_right(dataset):
    images, targets = zip(*(dataset[index] for index in range(len(dataset))))
    said = (scaled(images) @ scaled(patterns).T).argmax(1)  # the pattern that is nearest
    return 100 * np.mean(said == targets)


def percent_own(dataset):
    """How many images have the label that they were made with."""
    own = [labels[int(path.stem)] == label for path, label in dataset.samples]
    return 100 * np.mean(own)


print("images as they are:", percent_right(Pictures()), "% right")
first = CorruptedDataset(Pictures(), 1, generate=True)
warnings.simplefilter("error")
later = CorruptedDataset(Pictures(), 1)
assert len(first) == len(later) == 15 * 40
assert {path for path, _ in first.samples} == {path for path, _ in later.samples}
for name, dataset in (("the first run", first), ("a later one", later)):
    right, own = percent_right(dataset), percent_own(dataset)
    print(f"{name}: {right:.0f} % right, {own:.0f} % with their own labels")
    expected = (right > 95, own == 100) if dataset is first else (right < 25, own < 25)
    assert all(expected), "it changed"
print("its files:", *("/".join(path.parts[-3:]) for path, _ in later.samples[14:17]))
stems = [int(path.stem) for path, _ in later.samples]
assert stems == [i for i in sorted(range(40), key=str) for _ in range(15)], "it changed"
assert [label for _, label in later.samples] == 15 * labels.tolist(), "it changed"
print("labels of the first run:", len(first.targets), "for", len(first), "images")
assert len(first.targets) == 2 * len(first), "it changed"
later.samples = [(path, labels[int(path.stem)]) for path, _ in later.samples]
print(f"labels by the number of the file: {percent_right(later):.0f} % right")
assert percent_right(later) > 95

image = torch.rand(3, 32, 32)
changes = []
for severity in range(1, 6):
    blur = GaussianBlur(severity)
    kernel = 8 * int(blur.sigma[0]) + 1  # four deviations to each side
    right = gaussian_blur2d(image[None], kernel_size=min(kernel, 31), sigma=blur.sigma)[0]
    found, expected = [(each - image).abs().mean().item() for each in (blur(image), right)]
    changes.append(found)
    print(
        f"GaussianBlur({severity}): deviation {blur.sigma[0]}, kernel {blur.kernel_size},"
        f" mean change {found:.3f}; with a kernel of {min(kernel, 31)}: {expected:.3f}"
    )
    assert expected > 0.1
assert changes[0] == 0 and min(changes[1:]) > 0.1, "it changed"
PYTHON
env/bin/python run.py 2> log || { tail -20 log; exit 1; }  # it shows its progress there
