#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, Pillow 13.0.0: `RandomGaussianBlur`, `RandomSharpness`.
#
# Guess: blurred or sharpened, a picture of one gray stays as it is, as with Pillow,
#   at its edge too. RandomGaussianBlur's `factor` "controls the extent", and a
#   `sigma` of two numbers is drawn "for each image".
# Seen: what lies beyond the edge is taken for black. Blurred with a kernel of 3, gray 128
#   has a frame of 93 and corners of 67; with 7 the frame is 3 pixels wide, a third of an
#   image of 32x32. RandomSharpness with factor 0, which blurs, makes a dark frame of 98,
#   with factor 1 a bright one of 158; RandAugment has it among its operations. `factor` of
#   the blur is a probability: at 0.1 one image in twenty is blurred, as strongly as at 1.
#   `sigma` is drawn once for a batch, along x and along y: all its images are smeared the
#   same way. Nothing warns.
# What helps: pad the images ("reflect") before the layer and crop them after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6 pillow==13.0.0
cat > run.py <<'PYTHON'
import keras, numpy as np
from PIL import Image, ImageEnhance, ImageFilter

keras.utils.set_random_seed(0)
gray = np.full((1, 32, 32, 3), 128.0, "float32")
pillow = Image.fromarray(gray[0].astype("uint8"))


def blur(images, kernel_size=3, **settings):
    settings = {"factor": (1.0, 1.0), "sigma": (1.0, 1.0), "seed": 0, **settings}
    layer = keras.layers.RandomGaussianBlur(kernel_size=kernel_size, **settings)
    return np.asarray(layer(images))


def sharpness(factor):
    return np.asarray(keras.layers.RandomSharpness((factor, factor), seed=0)(gray))


def shown(what, pixels, corner, edge, frame):
    found = [round(float(pixels[0, 0, 0])), round(float(pixels[0, 16, 0]))]
    changed = np.abs(pixels[..., 0].astype("float32") - 128) > 0.5
    width = int(changed[16, :16].sum())
    percent = 100 * changed.mean()
    print(f"  {what}: corner {found[0]}, edge {found[1]}, {percent:.0f} % changed")
    assert [*found, width] == [corner, edge, frame], "it changed"


print("a picture of gray 128:")
blurred = np.asarray(pillow.filter(ImageFilter.GaussianBlur(1)))
shown("Pillow, blurred", blurred, 128, 128, 0)
for factor in (0.0, 2.0):
    pixels = np.asarray(ImageEnhance.Sharpness(pillow).enhance(factor))
    shown(f"Pillow, sharpness {factor}", pixels, 128, 128, 0)
# A kernel of one's own: what of it lies within the image at the edge.
weights = np.exp(-0.5 * np.array([-1, 0, 1]) ** 2)
within = weights[1:].sum() / weights.sum()
corner, edge = round(128 * within**2), round(128 * within)
shown("RandomGaussianBlur, 3", blur(gray)[0], corner, edge, 1)
shown("RandomGaussianBlur, 7", blur(gray, 7)[0], 63, 90, 3)
# The kernel of RandomSharpness is 5 in the middle and 1 around it, of 13.
shown("RandomSharpness, 0", sharpness(0.0)[0], round(128 * 8 / 13), round(128 * 10 / 13), 1)
corner, edge = round(128 * 18 / 13), round(128 * 16 / 13)
shown("RandomSharpness, 1", sharpness(1.0)[0], corner, edge, 1)

print("the same noise in 400 images, blurred:")
noise = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 1)).astype("float32")
noise = np.repeat(noise, 400, 0)
for factor in (0.1, 1.0):
    result = blur(noise, factor=factor)
    changed = (result != noise).any((1, 2, 3))
    strength = np.abs(result - noise)[changed].mean()
    print(f"  factor={factor}: {100 * changed.mean():.0f} %, by {strength:.0f} in the mean")
    assert abs(changed.mean() - factor / 2) < 0.08 and 40 < strength < 60, "it changed"
different = len(np.unique(blur(noise[:8], sigma=(0.1, 1.0)), axis=0))
print("  sigma=(0.1, 1.0): different results in a batch of 8:", different)
assert different == 1, "it changed: sigma"
line = np.zeros((1, 33, 33, 1), "float32")
line[0, 16, 16] = 255
point = blur(line, 3, sigma=(0.1, 1.0))[0, 15:18, 15:18, 0]
print(f"  a point's neighbours: {point[1, 2]:.0f} along x, {point[2, 1]:.0f} along y")
assert abs(point[1, 2] - point[2, 1]) > 2, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
