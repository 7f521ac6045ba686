#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: which corners `RandomPerspective` moves.
#
# Guess: the layer distorts an image's perspective "by shifting its corner points"; each of
#   the four moves as far as another, inwards as well as outwards. "`factor=1.0` means the
#   transformation is always applied."
# Seen: a corner is moved by a share of its own place, which is counted from the top left.
#   That corner has the place 0, 0, and never moves: in 32x32 images with scale=0.5 the
#   corners move by 0, 3.9, 3.8 and 6.0 pixels in the mean. The two beside it move along
#   their edge alone, so that the top edge stays at the top and the left one at the left,
#   whatever is drawn. What is near the top left is seen as it is, what is near the bottom
#   right in any shape and size, or not at all. And factor=1.0, the default, leaves half of
#   the images as they are. Nothing warns.
# What helps: factor=(1.0, 1.0); and `keras.ops.image.perspective_transform` with points of
#   one's own, which is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

count, size = 1000, 32
last = size - 1
# Each pixel's value is its place, x in one channel and y in the other, counted from 1; 0 is
# what lies beyond the image.
at = np.stack(np.meshgrid(np.arange(1.0, size + 1), np.arange(1.0, size + 1)), -1)
images = np.broadcast_to(at, (count, size, size, 2)).astype("float32")
corners = {
    "top left": (0, 0),
    "top right": (0, last),
    "bottom left": (last, 0),
    "bottom right": (last, last),
}


def layer(**settings):
    return keras.layers.RandomPerspective(scale=0.5, seed=0, **settings)


transformation = layer(factor=(1.0, 1.0)).get_random_transformation(images)
moved = np.asarray(transformation["end_points"] - transformation["start_points"])
seen = np.asarray(layer(factor=(1.0, 1.0), interpolation="nearest")(images))
print(f"{count} images: mean shift of a corner, along x and y, and where it is as it was")
shifts = []
for which, (name, (row, column)) in enumerate(corners.items()):
    distance = np.hypot(*moved[:, which].T).mean()
    along = np.abs(moved[:, which]).mean(0)
    same = (seen[:, row, column] == at[row, column]).all(-1).mean()
    shifts.append(distance)
    x, y = along
    print(f"  {name}: {distance:.1f}, {x:.1f} and {y:.1f}, {100 * same:.0f} %")
    assert (same == 1) == (which == 0) and (which == 0 or same < 0.2), "it changed"
assert shifts[0] == 0 and shifts[3] > shifts[1] > 3, "it changed: the corners"
assert not moved[:, 1, 1].any() and not moved[:, 2, 0].any(), "it changed: the edges"

# Where the top edge of a result is in the image, it is the top edge.
top, bottom = seen[:, 0, :, 1], seen[:, -1, :, 1]
rows = np.unique(top[top > 0]).astype(int)
print("rows of the image in the top row of the results:", *rows)
print("in the bottom row:", len(np.unique(bottom[bottom > 0])), "different ones")
assert rows.tolist() == [1], "it changed"
assert len(np.unique(bottom[bottom > 0])) > 10

half = np.asarray(layer(factor=1.0)(images))
left = (half == images).all((1, 2, 3)).mean()
every = np.asarray(layer(factor=(1.0, 1.0))(images))
print(f"left as they are: factor=1.0 {100 * left:.0f} % of the images,", end=" ")
print(f"(1.0, 1.0) {100 * (every == images).all((1, 2, 3)).mean():.0f} %")
assert 0.4 < left < 0.6, "it changed: factor"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
