#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: two functions of Keras, called on what layers give in a
# functional model.
#
# Guess: `keras.quantizers.fake_quant_with_min_max_vars(x, 0, 1, num_bits=4)` rounds to 16
#   values, and `keras.ops.quantile(x, 0.5, method="lower")` takes the lower of two, be x an
#   array, a tensor in a layer's `call`, or the output of a layer in a functional model.
# Seen: in a functional model these settings are dropped. `num_bits` is 8 and `narrow_range`
#   False whatever was asked for: a network that is trained for 4 or 2 bits has 256 values
#   there, saved and loaded too, and is told how good it is with 8. `method` is "linear".
#   With arrays and in a layer of one's own both are right. Nothing warns.
# What helps: a layer whose `call` calls them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np
from keras.quantizers import fake_quant_with_min_max_vars as fake_quant


class Layer(keras.layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def ways(function, x):
    """What a function gives of an array, in a layer, and in a functional model."""
    inputs = keras.Input(x.shape[1:])
    by_layer = keras.Model(inputs, Layer(function)(inputs))
    functional = keras.Model(inputs, function(inputs))
    results = function(x), by_layer(x), functional(x)
    return [np.asarray(result) for result in results]


x = np.linspace(0, 1, 2001, dtype="float32")[None]
print("different values, of an array, in a layer, in a functional model:")
for bits, narrow in ((8, False), (4, False), (2, False), (4, True)):
    found = ways(lambda x: fake_quant(x, 0.0, 1.0, num_bits=bits, narrow_range=narrow), x)
    counts = [len(np.unique(result)) for result in found]
    print(f"  num_bits={bits}, narrow_range={narrow}:", *counts)
    steps = 2**bits - 1 - narrow
    assert counts == [steps + 1, steps + 1, 256], "it changed: num_bits"
    by_numpy = np.round(x * steps) / steps, np.round(x * 255) / 255
    assert np.abs(found[1] - by_numpy[0]).max() < 1.01 / steps
    assert np.abs(found[2] - by_numpy[1]).max() < 1.01 / 255, "it changed: num_bits"

inputs = keras.Input((1,))
keras.Model(inputs, fake_quant(inputs, 0.0, 1.0, num_bits=4)).save("four.keras")
loaded = keras.models.load_model("four.keras")
saved = len(np.unique(np.asarray(loaded(x.T))))
print("  num_bits=4, functional, from a file:", saved)
assert saved == 256, "it changed"

# Sixteen classes on a line: two bits have four values for them.
labels = np.arange(16)
points = ((labels + 0.5) / 16).astype("float32")[:, None]


def right(rounded):
    """How many are right, if each value is taken for one class."""
    return len(np.unique(rounded)) / len(labels)


found = ways(lambda x: fake_quant(x, 0.0, 1.0, num_bits=2), points)
percent = [round(100 * right(result)) for result in found]
print("sixteen classes on a line, right with two bits, in %:", *percent)
assert percent == [25, 25, 100], "it changed"

four = np.array([[1.0, 2, 4, 8]], "float32")
print("the median of 1, 2, 4 and 8:")
for method, expected in (("lower", 2), ("higher", 4), ("linear", 3)):
    found = ways(lambda x: keras.ops.quantile(x, 0.5, axis=1, method=method), four)
    quantile = [float(result.ravel()[0]) for result in found]
    print(f'  method="{method}":', *quantile)
    assert expected == np.quantile(four, 0.5, method=method)
    assert quantile == [expected, expected, 3], "it changed: method"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
