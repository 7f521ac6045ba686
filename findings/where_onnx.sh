#!/usr/bin/env bash
# tf2onnx 1.17.0, ONNX Runtime 1.32.0, Keras 3.15.1, TensorFlow 2.21.0: three operations of
# a layer of one's own in ONNX.
#
# Guess: what `model.export(format="onnx")` writes without a warning computes what the
#   model computes; `where` becomes ONNX's Where, a division of integers its Div.
# Seen: `where(c, a, b)` becomes c * a + (1 - c) * b, so that what it was to leave out, the
#   root or logarithm of a negative number, 1 / 0, makes the answer NaN. Integers are
#   divided towards zero: -3 // 2 is -1, and -1 % 3 is -1. `one_hot` of -1, no class, is
#   the last class. Nothing warns; LiteRT has all of them right.
# What helps: arguments that are safe in themselves (`sqrt(maximum(x, 0))`), whole numbers
#   as floats, and n, in place of -1, as what is no class.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, onnxruntime, tensorflow as tf
from keras import ops

X = np.array([[-3, -1, 0, 1, 4]], "float32")


def whole(x):
    return ops.cast(x, "int32")


OTHERWISE = {
    "where(x > 0, sqrt(x), 0)": lambda x: ops.where(x > 0, ops.sqrt(x), 0.0),
    "where(x == 0, 0, 1 / x)": lambda x: ops.where(ops.equal(x, 0), 0.0, 1 / x),
    "whole(x) // 2": lambda x: whole(x) // 2,
    "whole(x) % 3": lambda x: whole(x) % 3,
    "one_hot(x, 5), sum": lambda x: ops.sum(ops.one_hot(whole(x), 5), 1),
}
ALIKE = {
    "sqrt(maximum(x, 0))": lambda x: ops.sqrt(ops.maximum(x, 0)),
    "x // 2": lambda x: x // 2,
}


class Own(keras.layers.Layer):
    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    def call(self, x):
        return ops.cast(self.operation(x), "float32")


def answers(operation):
    """What Keras, ONNX Runtime and LiteRT make of X."""
    model = keras.Sequential([keras.Input((5,)), Own(operation)])
    expected = np.asarray(model(X))
    model.export("saved", verbose=False)
    model.export("model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession("model.onnx")
    (given,) = session.get_inputs()
    converter = tf.lite.TFLiteConverter.from_saved_model("saved")
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    litert = interpreter.get_signature_runner("serving_default")
    (name,) = litert.get_input_details()
    return expected, *session.run(None, {given.name: X}), *litert(**{name: X}).values()


print("x:", X[0])
for name, operation in (OTHERWISE | ALIKE).items():
    expected, of_onnx, of_litert = (np.round(a[0], 2) + 0.0 for a in answers(operation))
    print(f"{name}: {expected}, in ONNX {of_onnx}")
    assert np.array_equal(of_litert, expected), name
    alike = np.array_equal(of_onnx, expected)
    assert alike == (name in ALIKE), f"it changed: {name} in ONNX"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
