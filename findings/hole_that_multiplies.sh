#!/usr/bin/env bash
# torch-uncertainty 0.13.0, PyTorch 2.13.0: `value` and `length` of Cutout.
#
# Guess: `Cutout(length, value)` puts a square with sides of `length` pixels at a random
#   place of an image and fills it with `value`, which it documents as the "pixel value to
#   be filled in the cutout square", from 0 to 255.
# Seen: the square is multiplied by `value`. With 0, the default, this is the same. Of
#   pixels from 0 to 255 value=127 makes 0 to 32,385, as float32, and the image's mean 26
#   times as large; of pixels from 0 to 1 it makes up to 127. value=1, white for pixels from
#   0 to 1, changes nothing at all. A square of 15 pixels has 14, and one of 1 has none.
#   Nothing warns.
# What helps: value=0 alone, after the mean is subtracted if gray is wanted; an even length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
# Cutout imports torch alone; the rest of the package would want torchvision and more.
env/bin/pip install --quiet --no-deps torch-uncertainty==0.13.0
cat > run.py <<'PYTHON'
import importlib.util, sys, types, warnings

import torch

home = importlib.util.find_spec("torch_uncertainty").submodule_search_locations[0]
for part in ("", ".transforms"):  # without their __init__
    package = sys.modules["torch_uncertainty" + part] = types.ModuleType(part)
    package.__path__ = [home + part.replace(".", "/")]
from torch_uncertainty.transforms.cutout import Cutout

warnings.simplefilter("error")
torch.manual_seed(0)
bytes_ = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
bytes_[0, 0, 0] = 255
shares = bytes_ / 255


def filled(image, value, length=16):
    """The images of 200 calls, and the largest pixel where these differ from `image`."""
    images = torch.stack([Cutout(length, value)(image) for _ in range(200)])
    holes = images != image
    return images, images[holes].max().item() if holes.any() else None


for name, image, value in (
    ("0 to 255", bytes_, 0),
    ("0 to 255", bytes_, 127),
    ("0 to 1", shares, 127),
    ("0 to 1", shares, 1),
):
    images, largest = filled(image, value)
    mean, before = images.mean().item(), image.float().mean().item()
    print(
        f"pixels from {name}, value={value}: a hole's largest pixel is {largest},"
        f" the mean goes from {before:.2f} to {mean:.2f}; {images.dtype}"
    )
    expected = {0: 0, 127: 127 * image.max().item(), 1: None}[value]
    assert largest == expected, "it changed"

print("length: sides of the largest hole")
white = torch.ones(1, 32, 32)
for length, side in ((16, 16), (15, 14), (1, 0)):
    holes = filled(white, 0, length)[0] == 0
    found = holes.flatten(1).sum(1).max().item() ** 0.5
    print(f"  {length}: {found:g}")
    assert found == side, "it changed"
PYTHON
env/bin/python run.py
