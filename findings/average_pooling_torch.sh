#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, PyTorch 2.13.0: an average at the edge of an image.
#
# Guess: a .keras file computes the same under each of Keras's backends. With
#   padding="same" AveragePooling2D takes the mean of those pixels that are there.
# Seen: so it does with TensorFlow. With PyTorch, where the padding is odd, as for windows
#   of 3 with strides of 2 on an even side, the last row and column are put there twice
#   and count twice: the mean of 7 and 8 becomes 7.67. Nothing warns. Max pooling and
#   convolutions are not touched, nor is a side without an odd padding.
# What helps: ZeroPadding2D or Cropping2D before, or strides that leave an even padding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 torch==2.13.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

layer = keras.layers.AveragePooling2D(3, strides=2, padding="same")
row = np.arange(1, 9, dtype="float32")
odd, even = (
    keras.ops.convert_to_numpy(layer(np.tile(side, (1, len(side), 1))[..., None]))
    for side in (row, row[:7])
)
odd, even = (np.float64(means[0, 0, :, 0]).round(2).tolist() for means in (odd, even))
backend = keras.backend.backend()
print(f"{backend}: windows of 3 over 1..8 {odd}, over 1..7 {even}")
last = {"tensorflow": 7.5, "torch": 7.67}[backend]
assert odd == [2.0, 4.0, 6.0, last], "it changed: the last mean of 1..8"
assert even == [1.5, 3.0, 5.0, 6.5], "it changed: means of 1..7"
PYTHON
for backend in tensorflow torch; do
    KERAS_BACKEND=$backend TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
done
