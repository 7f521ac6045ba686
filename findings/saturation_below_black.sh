#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `factor` of RandomSaturation, and pixels of 0 to 255.
#
# Guess: 0.5 changes nothing, 0.0 makes a picture gray, 1.0 "fully saturated"; of one number
#   "a value between 0.0 and the passed float is sampled". With the default,
#   value_range=(0, 255), pixels are between 0 and 255 before and after it, as with
#   RandomHue, RandomBrightness and RandomContrast.
# Seen: saturation is a number from 0 to 1, whatever the pixels' range is. It is cut off at
#   the ends of `value_range`: at 1 for (0, 1), which is right, at 255 for (0, 255). What
#   has more than all the colour there is falls below black: of the pixel 200, 100, 60 blue
#   becomes -10 at 0.6, -220 at 0.75, -1060 at 0.9, and -50800 at 1.0, where 0 is right.
#   And of one number a value between minus that and that is drawn. What is below 0 makes
#   gray: with factor=0.2, as in the documentation's example, or any other number, half of
#   the images lose all colour. RandomColorJitter, which has the layer in it, does both
#   (with `hue_factor` it cuts off at 0). RandomColorDegeneration draws so too, and half of
#   what it is to make dull gets more colour. Nothing warns.
# What helps: pixels from 0 to 1, value_range=(0, 1), and a factor of two numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np, tensorflow as tf
from keras import layers

warnings.simplefilter("error")
pixel = np.array([200, 100, 60], "float32").reshape(1, 1, 1, 3)
random = np.random.default_rng(0).integers(256, size=(256, 8, 8, 3)).astype("float32")


def blue(layer, image):
    changed = keras.ops.convert_to_numpy(layer(image, training=True))
    assert abs(changed[0, 0, 0, 0] - image[0, 0, 0, 0]) < 1e-3  # the largest stays
    return float(changed[0, 0, 0, 2])


print("blue of the pixel 200, 100, 60, by range, and by tf.image.adjust_saturation:")
expected = {0.25: 153.3, 0.5: 60, 0.6: -10, 0.75: -220, 0.9: -1060, 1.0: -50800}
for factor, wanted in expected.items():
    both = (factor, factor)
    bytes_ = blue(layers.RandomSaturation(both), pixel)
    unit = 255 * blue(layers.RandomSaturation(both, value_range=(0, 1)), pixel / 255)
    jitter = blue(layers.RandomColorJitter(saturation_factor=both), pixel)
    with_hue = layers.RandomColorJitter(saturation_factor=both, hue_factor=0.0)
    with_hue = blue(with_hue, pixel)
    times = factor / (1 - factor + 1e-7)
    right = 255 * float(tf.image.adjust_saturation(pixel / 255, times)[0, 0, 0, 2])
    print(f"  factor {factor}: 0..255 {bytes_:.1f}, 0..1 {unit:.1f}, right {right:.1f}")
    assert abs(bytes_ - wanted) < 0.1 and abs(jitter - wanted) < 0.1, "it changed"
    assert abs(unit - max(wanted, 0)) < 0.1 and abs(right - unit) < 0.1
    assert abs(with_hue - max(wanted, 0)) < 0.1

print("256 random images of 0 to 255, least and largest, below 0, without any colour:")
none, half, some = (0, 0), (0.4, 0.6), (0.1, 0.3)
for name, layer, expected in (
    ("0 to 0.2", layers.RandomSaturation((0, 0.2), seed=0), (none, none)),
    ("0.2", layers.RandomSaturation(0.2, seed=0), (none, half)),
    ("0.8", layers.RandomSaturation(0.8, seed=0), (some, half)),
    ("0.4 to 0.6", layers.RandomSaturation((0.4, 0.6), seed=0), (half, none)),
    ("0.8", layers.RandomColorJitter(saturation_factor=0.8, seed=0), (some, half)),
    ("0.8", layers.RandomHue(0.8, seed=0), (none, none)),
    ("0.8", layers.RandomContrast(0.8, seed=0), (none, none)),
    ("0.8", layers.RandomBrightness(0.8, seed=0), (none, none)),
):
    changed = keras.ops.convert_to_numpy(layer(random, training=True))
    below = (changed.min(axis=(1, 2, 3)) < -1).mean()
    gray = (np.ptp(changed, axis=-1).max(axis=(1, 2)) < 0.01).mean()
    print(
        f"  {type(layer).__name__}, {name}: {changed.min():.0f} to {changed.max():.0f}, "
        f"{100 * below:.0f} %, {100 * gray:.0f} %"
    )
    for found, (least, largest) in zip((below, gray), expected):
        assert least <= found <= largest, "it changed"

print("256 images that RandomColorDegeneration is to make dull, more colourful:")
images = 60 + random * 140 / 255
for factor, (least, largest) in ((0.5, half), ((0, 0.5), none)):
    dull = layers.RandomColorDegeneration(factor, seed=0)(images)
    before, after = (np.ptp(np.asarray(i), axis=-1).mean((1, 2)) for i in (images, dull))
    more = (after > 1.001 * before).mean()
    print(f"  factor {factor}: {100 * more:.0f} %")
    assert least <= more <= largest, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
