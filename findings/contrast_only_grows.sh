#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: between which limits RandomContrast, RandomPosterization
# and Solarization draw, and what RandomInvert takes from.
#
# Guess: RandomContrast(0.5) draws "between [1.0 - lower, 1.0 + upper]", where of one number
#   "lower = upper": contrast goes down as often as up. RandomPosterization(4) leaves 4
#   bits, "the number of bits to keep", and 8 bits change nothing. With
#   Solarization(threshold_factor=(0.9, 1.0)) the limit is drawn "from the provided range":
#   what is darker than 229 of 255 stays. RandomInvert(value_range=(-1, 1)) keeps to it.
# Seen: of one number RandomContrast draws between 1 and 1.5: contrast never goes down; in
#   RandomColorJitter neither. RandomPosterization(4) leaves 1, 2 or 3 bits, never 4, and 8
#   leaves 1 to 7; of two numbers it never draws the second. In Solarization only the upper
#   limit is made a number of 0 to 255: (0.9, 1.0) draws between 0.9 and 255, (0.5, 0.5)
#   between 0.5 and 127.5, and `addition_factor` alike, so that dark images become
#   negatives too, and no limit can be set. RandomInvert takes pixels from the upper end:
#   of -1 to 1 they become 2 to 0. Nothing warns.
# What helps: two numbers: RandomContrast((0.5, 0.5)) draws between 0.5 and 1.5, and
#   RandomPosterization leaves 4 bits with (4, 4), 4 to 8 with (4, 9); for a limit
#   `keras.ops.where(x < limit, x, 255 - x)`; pixels from 0 for RandomInvert.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras import layers

COUNT = 1000
grays = np.arange(256, dtype="float32")


def of_each(layer, pixels):
    """What becomes of each pixel, in as many pictures of these pixels."""
    picture = np.array(pixels, "float32").reshape(1, 1, -1, 1)
    results = layer(np.repeat(picture, COUNT, 0), training=True)
    return np.asarray(results).reshape(COUNT, -1)


def shown(what, drawn, least, largest):
    print(f"  {what}: {drawn.min():.2f} to {drawn.max():.2f}")
    slack = 0.02 * (largest - least)
    assert least <= drawn.min() < least + slack, "it changed"
    assert largest - slack < drawn.max() <= largest, "it changed"


def contrast(layer):
    results = of_each(layer, [100, 150])
    return (results[:, 1] - results[:, 0]) / 50


print("contrast of 1,000 pictures:")
shown("RandomContrast(0.5)", contrast(layers.RandomContrast(0.5, seed=0)), 1, 1.5)
jitter = layers.RandomColorJitter(contrast_factor=0.5, seed=0)
shown("RandomColorJitter(contrast_factor=0.5)", contrast(jitter), 1, 1.5)
two = layers.RandomContrast((0.5, 0.5), seed=0)
shown("RandomContrast((0.5, 0.5))", contrast(two), 0.5, 1.5)

print("bits that RandomPosterization leaves:")
for factor, expected in {
    4: [1, 2, 3],
    8: [1, 2, 3, 4, 5, 6, 7],
    (4, 8): [4, 5, 6, 7],
    (4, 4): [4],
    (4, 9): [4, 5, 6, 7, 8],
}.items():
    results = of_each(layers.RandomPosterization(factor, seed=0), grays)
    bits = sorted({round(np.log2(len(np.unique(result)))) for result in results})
    print(f"  {factor}:", *bits)
    assert bits == expected, "it changed"

print("the limit of Solarization, where 229.5 to 255 and 127.5 are asked for:")
for factor, limits in (((0.9, 1.0), (0, 256)), ((0.5, 0.5), (0, 128))):
    same = of_each(layers.Solarization(threshold_factor=factor, seed=0), grays) == grays
    shown(factor, same.sum(1), *limits)
print("what it adds, where 127.5 is asked for:")
black = of_each(layers.Solarization(addition_factor=(0.5, 0.5), seed=0), [0])
shown((0.5, 0.5), 255 - black, 0.5, 127.5)

inverted = of_each(layers.RandomInvert((1.0, 1.0), value_range=(-1, 1)), [-1, 0, 1])[0]
print("RandomInvert of -1, 0 and 1:", *inverted)
assert inverted.tolist() == [2, 1, 0], "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
