#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, grain 0.2.18: the order of the images of a folder.
#
# Guess: `image_dataset_from_directory(..., shuffle=True)` shuffles the images for each
#   epoch anew, with format="grain" as with format="tf": that "removes the TensorFlow
#   dependency", and nothing else is said of it. Of its `shuffle` grain says that "each
#   epoch will be shuffled differently".
# Seen: both have the same images in training and validation, and both are shuffled. With
#   "tf" each epoch has another order. With "grain" `fit` gets the same batches, of the
#   same images, in the same order in every epoch: grain's epochs are those of `repeat`,
#   and each iterator begins with the first. Nothing warns; `fit` says of both that they
#   are "expected to already be shuffled".
# What helps: format="tf".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 grain==0.2.18 \
    pillow==13.0.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import pathlib
import warnings

import keras, numpy as np, tensorflow as tf

for name in range(40):
    path = pathlib.Path("images", "ab"[name % 2], f"{name:02}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.save_img(path, np.full((4, 4, 3), name), scale=False)
seen = []


class Looks(keras.layers.Layer):
    """Notes which images a batch has."""

    def call(self, images):
        def note(numbers):
            seen.append(numbers.astype(int).tolist())
            return numbers

        names = images[:, 0, 0, :1]
        return tf.ensure_shape(tf.numpy_function(note, [names[:, 0]], tf.float32), [None])[
            :, None
        ]


def orders(format, epochs=4):
    """The batches of each epoch of a training, and the images of validation."""
    keras.utils.set_random_seed(0)
    training, validation = keras.utils.image_dataset_from_directory(
        "images",
        batch_size=8,
        image_size=(4, 4),
        seed=1,
        validation_split=0.2,
        subset="both",
        format=format,
        verbose=False,
    )
    model = keras.Sequential([keras.Input((4, 4, 3)), Looks(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    seen.clear()
    model.fit(training, epochs=epochs, verbose=0)
    held = [int(n) for images, _ in validation for n in np.asarray(images)[:, 0, 0, 0]]
    return [seen[4 * epoch : 4 * epoch + 4] for epoch in range(epochs)], sorted(held)


found = {}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for format in ("tf", "grain"):
        epochs, held = found[format] = orders(format)
        print(format, "validation", held)
        for number, batches in enumerate(epochs):
            print(f"  epoch {number}, first batch {batches[0]}, last {batches[-1]}")
said = [str(one.message) for one in said if "shuffl" in str(one.message)]
said = [one for one in said if "expected to already be shuffled" not in one]
trained = {
    format: {tuple(sorted(sum(batches, []))) for batches in epochs}
    for format, (epochs, _) in found.items()
}
assert trained["tf"] == trained["grain"] and len(trained["tf"]) == 1, "other images"
assert found["tf"][1] == found["grain"][1], "other images for validation"
assert all(epoch != found["tf"][0][0] for epoch in found["tf"][0][1:]), "it changed: tf"
same = [epoch == found["grain"][0][0] for epoch in found["grain"][0]]
assert all(same), "it changed: grain"
batch = found["grain"][0][0][0]
assert batch != sorted(batch), "it changed: grain does not shuffle at all"
assert not said, "it warns now"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
