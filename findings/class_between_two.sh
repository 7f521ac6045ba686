#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: MixUp and CutMix of labels that are numbers of classes.
#
# Guess: the labels of CIFAR-10 come as a column of whole numbers. MixUp and CutMix make
#   shares of two classes of them, or refuse them, as they do when they are called on a
#   batch by hand ("expected to be a float tensor").
# Seen: in tf.data, where they are used, the layers make float32 of all that they are
#   given, labels too, and mix the numbers: of classes 3 and 9, half and half, comes 6.
#   Keras's sparse cross-entropy cuts off what is behind the point. Four images in ten are
#   then told a class that neither of their two is of, even where hardly anything is mixed:
#   7 and a little of 2 make 6.99, which is class 6. A network that learns ten patterns to
#   100 % from one-hot labels is right on six in ten. Nothing warns. (Labels in a row
#   become a table, each image with each.)
# What helps: `tf.one_hot(labels[:, 0], 10)` before it, and categorical cross-entropy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf
from keras import layers

COUNT, SIZE, CLASSES, BATCH = 3000, 8, 10, 50
random = np.random.default_rng(0)
patterns = random.normal(size=(CLASSES, SIZE, SIZE, 1))
classes = np.arange(COUNT) % CLASSES
noise = 1.5 * random.normal(size=(COUNT, SIZE, SIZE, 1))
images = (patterns[classes] + noise).astype("float32")
numbers = classes.astype("uint8")[:, None]  # as cifar10.load_data has them
one_hot = np.eye(CLASSES, dtype="float32")[classes]


def mixed(make, labels):
    layer = make()

    def mix(images, labels):
        both = layer({"images": images, "labels": labels})
        return both["images"], both["labels"]

    data = tf.data.Dataset.from_tensor_slices((images, labels))
    return data.shuffle(COUNT, seed=0).batch(BATCH).map(mix)


def right(data, loss):
    """How often a network that is trained on it is right, in %."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), layers.Flatten()])
    model.add(layers.Dense(64, "relu"))
    model.add(layers.Dense(CLASSES, "softmax"))
    model.compile("adam", loss, jit_compile=False)
    model.fit(data, epochs=8, verbose=0)
    said = model.predict(images, verbose=0).argmax(1)
    return round(100 * (said == classes).mean())


for make in (lambda: layers.MixUp(seed=1), lambda: layers.CutMix(seed=1)):
    name = type(make()).__name__
    # The layers draw the same for both, being made anew from one seed.
    told = np.concatenate([labels for _, labels in mixed(make, numbers)])[:, 0]
    shares = np.concatenate([labels for _, labels in mixed(make, one_hot)])
    assert np.abs(told - shares @ np.arange(CLASSES)).max() < 1e-4, "it changed"
    print(f"{name}, the first labels:", *told[:6].round(2))
    cut = told.astype(int)
    said = 0.01 + 0.9 * np.eye(CLASSES)[cut]
    loss = keras.losses.sparse_categorical_crossentropy(told[:, None], said)
    assert np.allclose(np.asarray(loss), -np.log(0.91), atol=1e-4), "it changed: the loss"
    part = shares[np.arange(COUNT), cut]
    percent = round(100 * (part == 0).mean())
    print(f"  told a class that neither image is of: {percent} %")
    assert 30 < percent < 50, "it changed"
    by_number = right(mixed(make, numbers), "sparse_categorical_crossentropy")
    by_share = right(mixed(make, one_hot), "categorical_crossentropy")
    print(f"  right, from numbers: {by_number} %, from one-hot labels: {by_share} %")
    assert by_number < 80 and by_share > 97, "it changed"
    try:
        make()({"images": images[:BATCH], "labels": numbers[:BATCH]})
    except tf.errors.InvalidArgumentError as error:
        assert "expected to be a float tensor" in str(error)
        print("  called by hand: refused")
    else:
        raise AssertionError("it changed: by hand")
    table = next(iter(mixed(make, numbers[:, 0])))[1].shape
    assert table == (BATCH, BATCH), "it changed: labels in a row"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
