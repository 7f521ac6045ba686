#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `Equalization` of a batch, and in `predict`.
#
# Guess: "histogram equalization on image channels", of an image or of a batch of them, gives
#   each channel of each image all grays from 0 to 255, as Pillow's ImageOps.equalize does
#   and Keras's AutoContrast. "At inference time, the equalization is consistently applied."
# Seen: a batch has one histogram for all its images. Of a dark image and a bright one, which
#   are 0 to 255 each by themselves, the dark one becomes 0 to 126 and the bright one 128
#   to 255: what an image becomes depends on what is beside it, and `map` before `batch`
#   and after it give other pixels. RandAugment and AugMix have it among their operations;
#   their batches are equalized as one too. And in `predict` it rests: a network that was
#   trained on equalized images is asked about others. Nothing warns.
# What helps: `map` it before `batch`, for training and for testing, and no such layer in
#   the model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6 pillow==13.0.0
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf
from keras import layers
from PIL import Image, ImageOps

random = np.random.default_rng(0)
dark = random.integers(0, 60, (64, 64, 3))
bright = random.integers(180, 256, (64, 64, 3))
images = np.stack([dark, bright]).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices(images)


def ranges(batch):
    return [(int(np.min(image)), int(np.max(image))) for image in np.asarray(batch)]


def shown(what, found, expected):
    print(f"  {what}: {found}")
    assert found == expected, "it changed"


class Model(keras.Model):
    """The layer alone, in a model."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, images, training=None):
        return self.layer(images, training=training)


full = [(0, 255), (0, 255)]
own = ranges(images)
pillow = [ImageOps.equalize(Image.fromarray(i.astype("uint8"))) for i in (dark, bright)]
print(f"a dark and a bright image, {own}:")
pillow = ranges(np.stack([np.asarray(image) for image in pillow]))
print("  Pillow:", pillow)
assert all(low < 10 and high > 245 for low, high in pillow)
for layer, batched, predicted in (
    (layers.AutoContrast(), full, full),
    (layers.Equalization(), [(0, 126), (128, 255)], own),
):
    name = type(layer).__name__
    alone = np.stack([layer(image) for image in images])
    shown(f"{name}, one by one", ranges(alone), full)
    shown(f"{name}, as a batch", ranges(layer(images)), batched)
    before, after = dataset.map(layer).batch(2), dataset.batch(2).map(layer)
    shown(f"{name}, `map` before `batch`", ranges(next(iter(before))), full)
    shown(f"{name}, `map` after `batch`", ranges(next(iter(after))), batched)
    model = Model(layer)
    shown(f"{name}, in training", ranges(model(images, training=True)), batched)
    shown(f"{name}, in `predict`", ranges(model.predict(images, verbose=0)), predicted)

# RandAugment draws its operations: this one comes up sooner or later.
whole = np.asarray(layers.Equalization()(images))
augment = layers.RandAugment(num_ops=1, seed=0)
drawn = [np.asarray(augment(images, training=True)) for _ in range(100)]
found = sum(np.array_equal(each, whole) for each in drawn)
print(f"of 100 batches by RandAugment, {found} are equalized as one")
assert found > 0, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
