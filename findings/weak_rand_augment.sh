#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `factor` of RandAugment and AugMix.
#
# Guess: `RandAugment(factor=...)` goes by "the strength of the augmentation as a normalized
#   value between 0 and 1": at 0.05 a picture is hardly changed. As in the paper a turn or
#   a shift goes either way, a turn by 30 degrees at most.
# Seen: two operations are not weak then. Below 0.25 posterization leaves one bit, a
#   picture in black and grey, and at 1.0 up to 8, which is all: it is the stronger the
#   smaller the factor is. Solarization makes a negative, as often as at 1.0: what is
#   lighter than 0 to 12 of 255 is turned dark. Of one picture under
#   RandAugment(factor=0.05, num_ops=1) nearly two in ten are such. Turns and shifts have
#   the one number as range from 0: they go counterclockwise, by up to half a turn at the
#   default 0.5, and down and right. AugMix, 0.3 by default, turns and shifts alike.
#   Nothing warns.
# What helps: the layers one wants, one by one, with `factor=(-f, f)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.layers import AugMix, RandAugment

keras.utils.set_random_seed(0)
ramp = np.linspace(0, 255, 256, dtype="float32").reshape(1, 16, 16, 1).repeat(3, -1)
SAID = keras.ops.convert_to_numpy


def changed(layer, times=200):
    """Share of times that a ramp from black to white ends in 2 greys, or as negative."""
    greys = negative = 0
    for _ in range(times):
        after = SAID(layer(ramp, training=True))
        greys += len(np.unique(after)) <= 2
        alike = np.corrcoef(after.ravel(), ramp.ravel())[0, 1] if after.std() else 0
        negative += alike < -0.9
    return greys / times, negative / times


share = {}
for factor in (0.05, 1.0):
    share[factor] = changed(RandAugment(factor=factor, num_ops=1, seed=0))
    print(f"RandAugment({factor}): two greys {share[factor][0]:.3f},", end=" ")
    print(f"a negative {share[factor][1]:.3f}; 1/11 = {1 / 11:.3f}")

line, point = np.zeros((2, 300, 65, 65, 1), "float32")
line[:, 32, 33:] = point[:, 32, 32] = 255  # to the right, and in the middle
down, right = np.mgrid[-32:33, -32:33]
for layer in (RandAugment(seed=0), AugMix(seed=0)):
    print(type(layer).__name__, layer.factor)
    after = SAID(layer.random_rotation(line, training=True))[..., 0]
    turns = np.degrees(np.arctan2(-(after * down).sum((1, 2)), (after * right).sum((1, 2))))
    print(f"  turned by {turns.min():.0f} to {turns.max():.0f} degrees")
    after = SAID(layer.random_translation(point, training=True))[..., 0]
    after /= after.sum((1, 2), keepdims=True)
    shifts = np.stack([(after * along).sum((1, 2)) for along in (down, right)]) / 65
    lows, highs = shifts.min(axis=1), shifts.max(axis=1)
    print("  down, right by", lows.round(2), "to", highs.round(2), "of a side")
    largest = layer.factor[1]
    assert 0 <= turns.min() < 10, "it changed: turns"
    assert abs(turns.max() - 360 * largest) < 10, "it changed: turns"
    assert lows.min() > -0.001 and abs(highs - largest).max() < 0.05, "it changed: shifts"

assert 0.03 < min(share[0.05]) and max(share[0.05]) < 0.2, "it changed: weak ones"
assert share[1.0][0] < share[0.05][0], "it changed: posterization"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
