#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, on x86 processors: a batch with fewer images than devices.
#
# Guess: MirroredStrategy on two devices trains on 33 images in batches of 32 as on 34: of
#   the last batch, one image, a device has nothing, and adds nothing.
# Seen: `fit` ends with an error about shapes, [4] and [3]. With oneDNN, which is the
#   default on x86 with AVX512-VNNI or AVX-VNNI, a convolution of no images has the shape
#   of what it is given, [0, 8, 8, 3], where [0, 6, 6, 4] is right. Without oneDNN
#   (TF_ENABLE_ONEDNN_OPTS=0) `fit` ends well, and the scale of a batch normalization is
#   NaN from then on: the device without images has no mean, and the gradients of all are
#   summed. With synchronized=True that does not happen. 34 images are trained on in each
#   case.
# What helps: drop_remainder=True, or batches whose last has an image for each device.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import os

import keras, numpy as np, tensorflow as tf

has_onednn = os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
(processor,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
kernel = tf.ones((3, 3, 3, 4))
shape = tf.nn.conv2d(tf.zeros((0, 8, 8, 3)), kernel, 1, "VALID").shape.as_list()
print(f"oneDNN {has_onednn}: a convolution of no images has the shape {shape}")
assert shape == ([0, 8, 8, 3] if has_onednn else [0, 6, 6, 4]), "it changed"


def trained(images, synchronized):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(synchronized=synchronized, name="norm"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    x = np.random.default_rng(0).random((images, 8, 8, 3)).astype("float32")
    try:
        model.fit(x, np.arange(images) % 3, batch_size=32, shuffle=False, verbose=0)
    except tf.errors.InvalidArgumentError:
        return "error"
    gamma = np.asarray(model.get_layer("norm").gamma)
    return "NaN" if np.isnan(gamma).any() else "finite"


for images, synchronized in ((34, False), (34, True), (33, False)):
    found = trained(images, synchronized)
    print(f"  {images} images, synchronized={synchronized}: {found}")
    expected = "finite" if images == 34 else "error" if has_onednn else "NaN"
    assert found == expected, "it changed"
if not has_onednn:
    assert trained(33, True) == "finite", "it changed"
    print("  33 images, synchronized=True: finite")
PYTHON
for onednn in 1 0; do
    TF_ENABLE_ONEDNN_OPTS=$onednn TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
done
