#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `RandomElasticTransform` of a batch.
#
# Guess: each image of a batch is distorted by itself, its pixels up, down, left and right,
#   as in the paper by Simard and others on digits; the layer "is safe to use inside a
#   tf.data" pipeline.
# Seen: where the number of images in a batch is not known as the graph is made, it is taken
#   for 1. The first image alone is distorted, and stands for all others of its batch that
#   were to be; their labels stay. So it is after `batch` in tf.data without
#   drop_remainder, and in `fit` of arrays whose last batch is smaller, as with 50,000
#   images in batches of 64. A network that learns four classes to 100 % with 40 images in
#   batches of 8 is right on a quarter with 41. With `factor` as it is by default half of
#   the images are replaced. And x and y are moved by the same random numbers: all pixels
#   move along one diagonal. Nothing warns. (A lone image, or a batch of a known size, is
#   not replaced.)
# What helps: `map` before `batch`, or drop_remainder=True; for the diagonal nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf


def layer(**settings):
    return keras.layers.RandomElasticTransform(seed=1, **settings)


always = {"factor": (1.0, 1.0)}
# Images of one gray each, which no distortion changes.
grays = np.arange(10, 90, 10)
images = np.broadcast_to(grays[:, None, None, None], (8, 32, 32, 1)).astype("float32")
data = tf.data.Dataset.from_tensor_slices(images)


def shown(what, batches, expected):
    found = np.concatenate([batch[:, 16, 16, 0] for batch in batches]).round().astype(int)
    print(f"  {what}:", *found)
    assert found.tolist() == list(expected), "it changed"


print("grays of eight images, in batches of four:", *grays)
firsts = [10] * 4 + [50] * 4
shown("map after batch", data.batch(4).map(layer(**always)).as_numpy_iterator(), firsts)
known = data.batch(4, drop_remainder=True)
shown("drop_remainder", known.map(layer(**always)).as_numpy_iterator(), grays)
shown("map before batch", data.map(layer(**always)).batch(4).as_numpy_iterator(), grays)
batches = data.repeat(25).batch(8).map(layer()).as_numpy_iterator()
found = np.concatenate([batch[:, 16, 16, 0] for batch in batches]).round()
wrong = found != np.tile(grays, 25)
percent = 100 * wrong.sum() / 175
print(f"  by default, of the others of 25 batches: {percent:.0f} % replaced")
assert set(found[wrong]) == {10} and 70 <= wrong.sum() <= 105, "it changed"

print("four classes, four grays:")
for count, low, high in ((40, 99, 100), (41, 0, 40)):
    keras.utils.set_random_seed(0)
    labels = np.arange(count) % 4
    x = np.tile(labels[:, None, None, None] / 3, (1, 8, 8, 1)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layer(**always),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(32, "relu"),
            keras.layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    adam = keras.optimizers.Adam(0.05)
    model.compile(adam, loss, metrics=["accuracy"], jit_compile=False)
    model.fit(x, labels, batch_size=8, epochs=40, verbose=0)
    right = 100 * model.evaluate(x, labels, verbose=0)[1]
    print(f"  {count} images in batches of 8: {right:.0f} % are right")
    assert low <= right <= high, "it changed"

# The value of each pixel is where it is: x in one channel, y in the other.
places = np.arange(32, dtype="float32")
at = np.stack(np.meshgrid(places, places), -1)
moved = (np.asarray(layer(scale=(0.9, 0.9), **always)(at[None]))[0] - at)[8:24, 8:24]
x, y = np.abs(moved).max((0, 1))
apart = np.abs(moved[..., 0] - moved[..., 1]).max()
print(f"pixels move by up to {x:.2f} along x, {y:.2f} along y; both differ by {apart:.5f}")
assert x > 1 and y > 1 and apart < 1e-4, "it changed: x and y"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
