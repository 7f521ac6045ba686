#!/usr/bin/env bash
# augmax 0.4.1, JAX 0.10.2: three of its augmentations, for images of 32x32.
#
# Guess: `Rotate((-30, 30), p=0.5)` leaves half of the images and turns the others either
#   way. `RandomSizedCrop(32)` has `prevent_underzoom=True`, which is there "to prevent
#   zooming beyond the image size", so that no image has a frame. `RandomCrop(28)` cuts 28
#   by 28 pixels out.
# Seen: whether to turn and how far come from one random number, since one key is used for
#   both: only those that would be turned farthest to one side are turned at all. With
#   p=0.5 none is turned the other way, with p=0.2 all by 18 to 30 degrees. The zoom is
#   compared with the logarithm of a ratio of sizes in place of the ratio, here 0 in place
#   of 1: nearly half of the images shrink, down to a quarter of the area, in a black frame.
#   RandomCrop cuts between pixels and mixes neighbours: a chequerboard of black and white
#   becomes gray, with a deviation of 0.13 in place of 0.5, and no image keeps its pixels;
#   networks are then tested on sharper images than they have seen. Nothing warns.
# What helps: `p=1`; `zoom_range=(1.0, 2.0)`; `jax.lax.dynamic_slice` for crops.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet augmax==0.4.1 jax==0.10.2 einops==0.8.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import augmax, jax, jax.numpy as jnp, numpy as np
from augmax import InputType

warnings.simplefilter("error")
keys = jax.random.split(jax.random.key(0), 1000)
white = jnp.ones((32, 32, 1))
center = 15.5


def augmented(augmentation, inputs):
    return jax.jit(jax.vmap(lambda key: augmentation(key, inputs)))(keys)


def angles(**settings):
    """By how many degrees a point to the right of the centre is turned."""
    points = jnp.array([[center, center + 10]])
    kinds = [InputType.IMAGE, InputType.KEYPOINTS]
    turn = augmax.Chain(augmax.Rotate((-30, 30), **settings), input_types=kinds)
    moved = np.asarray(augmented(turn, [white, points])[1])[:, 0]
    return np.degrees(np.arctan2(moved[:, 0] - center, moved[:, 1] - center))


print("turned to one side, to the other, not at all, in %, and by how much:")
for p in (1.0, 0.5, 0.2):
    found = angles(p=p)
    turned = found[np.abs(found) > 1e-3]
    sides = [(turned > 0).mean(), (turned < 0).mean()]
    shares = [100 * len(turned) * side / len(found) for side in sides]
    print(
        f"  p={p}: {shares[0]:.0f}, {shares[1]:.0f}, {100 - sum(shares):.0f};"
        f" from {np.abs(turned).min():.0f} to {np.abs(turned).max():.0f} degrees"
    )
    assert abs(sum(shares) - 100 * p) < 5
    if p == 1:
        assert min(shares) > 45
    else:
        assert min(shares) == 0, "it changed: to both sides"
        assert np.abs(turned).min() > 30 - 60 * p - 0.1, "it changed: small angles"

print("images with a black frame, in %, and the largest frame's part of the area:")
for settings in ({}, {"zoom_range": (1.0, 2.0)}):
    cut = np.asarray(augmented(augmax.RandomSizedCrop(32, **settings), white))
    black = (cut < 0.01).mean((1, 2, 3))
    framed = 100 * (black > 0).mean()
    print(f"  RandomSizedCrop(32, **{settings}): {framed:.0f}, {black.max():.2f}")
    if settings:
        assert framed == 0
    else:
        assert 40 < framed < 55 and black.max() > 0.7, "it changed: frames"

board = (jnp.indices((32, 32)).sum(0) % 2).astype("float32")[..., None]
cut = np.asarray(augmented(augmax.RandomCrop(28), board))
deviation, kept = cut.std((1, 2, 3)).mean(), np.isin(cut, (0, 1)).all((1, 2, 3)).mean()
print(f"chequerboard: deviation {float(board.std()):.2f}, cropped {deviation:.2f};")
print(f"  crops that are pixels of the image: {100 * kept:.0f} %")
assert deviation < 0.15 and kept < 0.01, "it changed: crops"
PYTHON
env/bin/python run.py
