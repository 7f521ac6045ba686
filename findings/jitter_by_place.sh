#!/usr/bin/env bash
# augmax 0.4.1, JAX 0.10.2: which of its settings `ColorJitter` goes by.
#
# Guess: `ColorJitter(brightness, contrast, saturation, hue, p)` changes each of the four by
#   up to its strength, and leaves alone those whose strength is 0.
# Seen: it draws as many random keys as there are strengths above 0, one more with p below
#   1, and hands them to brightness, contrast, hue and saturation, in this order, those with
#   0 included: where there are fewer keys than that the latter ones are left out. Contrast
#   alone, hue alone, and hue with saturation leave each image as it is, with p=1; with
#   p=0.5 contrast alone works. Of contrast and hue it is contrast only. The new saturation
#   is computed and dropped, whatever its place. Nothing warns.
# What helps: a strength of 1e-6 in place of 0, for all but saturation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet augmax==0.4.1 jax==0.10.2 einops==0.8.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import colorsys, warnings

import augmax, jax, numpy as np

warnings.simplefilter("error")
keys = jax.random.split(jax.random.key(0), 400)
image = jax.random.uniform(jax.random.key(1), (4, 4, 3), minval=0.1, maxval=0.9)


def hsv(images):
    flat = np.asarray(images, "float64").clip(0, 1).reshape(-1, 3)
    return np.array([colorsys.rgb_to_hsv(*p) for p in flat]).reshape(images.shape)


def changed(rest, p, **strengths):
    settings = dict(brightness=rest, contrast=rest, saturation=rest, hue=rest, p=p)
    jitter = augmax.ColorJitter(**(settings | strengths))
    images = jax.jit(jax.vmap(lambda key: jitter(key, image)))(keys)
    moved = np.abs(hsv(images) - hsv(image[None]))
    moved[..., 0] = np.minimum(moved[..., 0], 1 - moved[..., 0])  # hue is a circle
    shares = np.rint(100 * (moved.max((1, 2)) > 0.01).mean(0)).astype(int).tolist()
    wanted = " and ".join(strengths)
    print(f"  {wanted}, the others {rest}, p={p}: {shares}")
    return shares


print("images whose hue, saturation and value change, in %:")
brightness = changed(0, 1, brightness=0.5)
assert brightness[0] == brightness[1] == 0 and brightness[2] > 95
for wanted in (["contrast"], ["hue"], ["saturation"], ["hue", "saturation"]):
    shares = changed(0, 1, **{name: 0.5 for name in wanted})
    assert shares == [0, 0, 0], "it changed"
both = changed(0, 1, contrast=0.5, hue=0.5)
assert both[0] == 0 and both[2] > 80, "it changed: contrast and hue"
half = changed(0, 0.5, contrast=0.5)
assert 40 < half[2] < 60 and half[0] == 0
assert changed(0, 0.5, hue=0.5) == [0, 0, 0], "it changed: hue with p=0.5"
assert changed(0, 0.5, saturation=0.5) == [0, 0, 0], "it changed: saturation"
hue = changed(1e-6, 1, hue=0.5)
assert hue[0] > 90 and hue[1:] == [0, 0]
assert changed(1e-6, 1, contrast=0.5)[2] > 80
assert changed(1e-6, 1, saturation=0.5) == [0, 0, 0], "it changed: saturation"
PYTHON
env/bin/python run.py
