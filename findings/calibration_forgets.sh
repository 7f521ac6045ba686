#!/usr/bin/env bash
# ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, Keras 3.15.1, TensorFlow 2.21.0: the
# images that int8 is calibrated on.
#
# Guess: `Quantizer.calibrate` of the recipe static_wi8_ai8 takes the least and the largest
#   value of each tensor over all images ("tensor QSVs (e.g., min/max)", of an algorithm
#   named min_max_uniform_quantize), as TensorFlow's own converter does: no image that it
#   has seen is cut off, and their order is no matter.
# Seen: it takes a moving average of each image's least and largest value: 95 % of what it
#   has, 5 % of the next image. Of 50 bright and 50 dark images, a class after the other,
#   the input's range is that of the latter ones: with the dark ones last, images up to 10
#   are cut off at 1.5, and answers are off by 90 % of the largest; shuffled they are cut
#   off at 4.7. In one batch they are not. Nothing warns.
# What helps: all calibration images in one batch (of a model that takes batches).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 ai-edge-litert==2.3.0 \
    ai-edge-quantizer==0.10.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
images = random.uniform(0, 1, (100, 8)).astype("float32")
images[:50] *= 10  # the bright class
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
right = model.predict(images, verbose=0)
model.export("float.tflite", format="litert", verbose=False)


def checked(content):
    """The largest value that the input holds, and the largest error of an answer."""
    interpreter = Interpreter(model_content=bytes(content))
    (taken,), (given,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    scale, zero = taken["quantization"]
    interpreter.resize_tensor_input(taken["index"], images.shape)
    interpreter.allocate_tensors()
    whole = np.clip(np.round(images / scale) + zero, -128, 127).astype("int8")
    interpreter.set_tensor(taken["index"], whole)
    interpreter.invoke()
    whole = interpreter.get_tensor(given["index"]).astype("float32")
    answers = (whole - given["quantization"][1]) * given["quantization"][0]
    return scale * (127 - zero), np.abs(answers - right).max() / np.abs(right).max()


def calibrated(batches):
    tool = quantizer.Quantizer("float.tflite", recipe.static_wi8_ai8())
    signatures = Interpreter("float.tflite").get_signature_list()
    (name,) = signatures["serving_default"]["inputs"]
    data = {"serving_default": [{name: batch} for batch in batches]}
    ranges = tool.calibrate(data)
    return checked(tool.quantize(ranges, enable_progress_report=False).quantized_model)


each = np.split(images, 100)
ways = {
    "dark last": calibrated(each),
    "bright last": calibrated(each[::-1]),
    "shuffled": calibrated([each[i] for i in random.permutation(100)]),
    "one batch": calibrated([images]),
}
model.export(
    "tf.tflite",
    format="litert",
    verbose=False,
    optimizations=[tf.lite.Optimize.DEFAULT],
    representative_dataset=lambda: ([image] for image in each),
    target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
    inference_input_type=tf.int8,
    inference_output_type=tf.int8,
)
with open("tf.tflite", "rb") as file:
    ways["TensorFlow's converter"] = checked(file.read())
print("images up to", images.max())
for way, (largest, error) in ways.items():
    print(f"{way}: input up to {largest:.2f}, answers off by {error:.1%} at most")
assert ways["dark last"][0] < 2 and ways["dark last"][1] > 0.5, "it changed: the average"
assert ways["bright last"][0] > 8 and 4 < ways["shuffled"][0] < 8, "it changed: the order"
assert ways["shuffled"][1] > 0.1, "it changed: of shuffled images"
for way in ("one batch", "TensorFlow's converter"):
    assert ways[way][0] > 9.8 and ways[way][1] < 0.03, f"it changed: {way}"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
