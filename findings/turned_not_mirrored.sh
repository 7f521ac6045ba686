#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, tf_keras 2.21.0: what `RandomFlip` does by default.
#
# Guess: with mode="horizontal_and_vertical", the default, an image is flipped left to right
#   or not, and upside down or not: it comes in four ways, each as often. So it does in
#   Keras 2 (tf_keras), whose documentation of the layer has the same words, and with a
#   layer for each of the two modes.
# Seen: one number is drawn for an image, and both flips go by it. Half of the images stay
#   as they are, and half are turned by 180 degrees; none is mirrored. A network that is
#   trained on ten patterns with it is right on all of them as they are and turned, and on
#   about one in ten of those that are mirrored or upside down, which is chance; with two
#   layers it is right on all. Nothing warns.
# What helps: RandomFlip("horizontal") and then RandomFlip("vertical"), with different seeds
#   or none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 tf_keras==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tf_keras
from keras import layers

COUNT, SIZE, CLASSES = 2000, 8, 10
ways = {
    "as it is": lambda images: images,
    "left to right": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1],
    "both, half a turn": lambda images: images[:, ::-1, ::-1],
}


def two_layers():
    modes = enumerate(("horizontal", "vertical"))
    return keras.Sequential([layers.RandomFlip(mode, seed=seed) for seed, mode in modes])


def shares(flip):
    """How often, in %, an image comes out in each of the four ways."""
    image = np.arange(SIZE * SIZE, dtype="float32").reshape(1, SIZE, SIZE, 1)
    flipped = np.asarray(flip(np.repeat(image, COUNT, 0), training=True))
    same = [(flipped == way(image)).all((1, 2, 3)).mean() for way in ways.values()]
    return [round(100 * share) for share in same]


print("an image comes out, in %:", ", ".join(ways))
found = {
    "RandomFlip()": shares(layers.RandomFlip(seed=0)),
    "a layer for each mode": shares(two_layers()),
    "RandomFlip() of tf_keras": shares(tf_keras.layers.RandomFlip(seed=0)),
}
for name, percent in found.items():
    print(f"  {name}:", *percent)
default, *others = found.values()
assert default[1:3] == [0, 0] and default[0] + default[3] == 100, "it changed"
assert 45 < default[0] < 55
assert all(20 < share < 30 for percent in others for share in percent)

random = np.random.default_rng(0)
patterns = random.normal(size=(CLASSES, SIZE, SIZE, 1))
labels = np.arange(COUNT) % CLASSES
images = (patterns[labels] + random.normal(size=(COUNT, SIZE, SIZE, 1))).astype("float32")


def right(flip):
    """How often a network that learns ten patterns is right on each way of them, in %."""
    keras.utils.set_random_seed(0)
    dense = [layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(CLASSES)]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), flip, *dense])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.003), loss, jit_compile=False)
    model.fit(images, labels, batch_size=50, epochs=8, verbose=0)
    said = [model.predict(way(images), verbose=0).argmax(1) for way in ways.values()]
    return [round(100 * (classes == labels).mean()) for classes in said]


print("a network that is trained with it is right, in %, on images that are so:")
once, twice = right(layers.RandomFlip(seed=0)), right(two_layers())
print("  RandomFlip():", *once)
print("  a layer for each mode:", *twice)
assert min(twice) > 95 and min(once[0], once[3]) > 95, "it changed"
assert max(once[1:3]) < 30, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
