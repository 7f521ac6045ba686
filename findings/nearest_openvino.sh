#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, OpenVINO 2026.4.1: the nearest pixels of a larger image.
#
# Guess: a model that begins with Resizing(interpolation="nearest") sees the same pixels
#   on each way to OpenVINO: by `export(format="openvino")` of Keras on TensorFlow, and as
#   a .keras file on Keras's own OpenVINO backend.
# Seen: the exported model takes TensorFlow's pixels. The backend takes the next ones
#   where an image gets smaller by a factor that is no even number: of 0..8 in three 2 5 8
#   in place of 1 4 7, and of 28 pixels in 20 all others. Nothing warns.
# What helps: export the model, or resize the images before it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 openvino==2026.4.1 \
    numpy==2.4.6 scipy==1.17.1  # which the backend imports
cat > run.py <<'PYTHON'
import keras, numpy as np, openvino

for large, small in ((9, 3), (10, 7), (8, 4), (10, 15)):
    row = np.arange(large, dtype="float32")
    images = np.tile(row, (1, large, 1))[..., None]
    if keras.backend.backend() == "tensorflow":
        resize = keras.layers.Resizing(small, small, interpolation="nearest")
        model = keras.Sequential([keras.Input(images.shape[1:]), resize])
        model.save(f"{large}.{small}.keras")
        model.export(f"{large}.{small}.xml", format="openvino", verbose=False)
        exported = openvino.Core().compile_model(f"{large}.{small}.xml", "CPU")
        found = [model(images), exported(images)[0]]
    else:
        model = keras.models.load_model(f"{large}.{small}.keras")
        found = [model.predict(images, verbose=0)]
    found = [np.int64(resized)[0, 0, :, 0].tolist() for resized in found]
    print(f"{keras.backend.backend()}: 0..{large - 1} in {small}: {found[-1]}")
    wanted = {
        (9, 3): {"tensorflow": [1, 4, 7], "openvino": [2, 5, 8]},
        (10, 7): {
            "tensorflow": [0, 2, 3, 5, 6, 7, 9],
            "openvino": [1, 3, 4, 5, 7, 8, 9],
        },
    }.get((large, small), {})
    usual = np.int64((np.arange(small) + 0.5) * large / small).tolist()
    wanted = wanted.get(keras.backend.backend(), usual)
    assert all(one == wanted for one in found), "it changed: the pixels"
PYTHON
for backend in tensorflow openvino; do
    KERAS_BACKEND=$backend TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
done
