#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: a frozen layer with layers of its own, in a file.
#
# Guess: `layer.trainable = False` is saved with the layer: in a model that is loaded
#   again it is as frozen as before, a batch normalization within it too.
# Seen: the loaded layer says `trainable` False and has no trainable weights, and yet
#   `fit` trains them all, and moves the batch normalization's moments. The layers in it
#   are made anew, as trainable, and the model asks them, not the layer around them. So
#   it is after `clone_model`, and with `trainable=False` given to the constructor;
#   Keras's own MultiHeadAttention is no exception. Nothing warns.
# What helps: set the layer's `trainable` to True and then to False after loading; to
#   False alone does nothing, since that is what it has.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np


@keras.saving.register_keras_serializable()
class Block(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(4)
        self.normalization = keras.layers.BatchNormalization()

    def build(self, shape):
        self.dense.build(shape)
        self.normalization.build(shape)

    def call(self, x, training=None):
        return self.normalization(self.dense(x), training=training)


x, y = np.random.default_rng(0).normal(3, 2, (2, 64, 4)).astype("float32")


def moved(model):
    """How many of the six weights of the block an epoch moves."""
    block = model.layers[0]
    assert not block.trainable and not block.trainable_variables
    before = block.get_weights()
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(x, y, verbose=0)
    pairs = zip(before, block.get_weights(), strict=True)
    return sum(not np.array_equal(a, b) for a, b in pairs)


def network(**kwargs):
    layers = [keras.Input((4,)), Block(**kwargs), keras.layers.Dense(4)]
    return keras.Sequential(layers)


frozen = network()
frozen.layers[0].trainable = False
frozen.save("frozen.keras")
loaded = keras.models.load_model("frozen.keras")
again = keras.models.load_model("frozen.keras")
again.layers[0].trainable = False
twice = keras.models.load_model("frozen.keras")
twice.layers[0].trainable = True
twice.layers[0].trainable = False
found = {
    "frozen": moved(frozen),
    "loaded": moved(loaded),
    "loaded, set to False": moved(again),
    "loaded, set to True and then to False": moved(twice),
    "a clone": moved(keras.models.clone_model(frozen)),
    "Block(trainable=False)": moved(network(trainable=False)),
}
for name, number in found.items():
    print(f"{name}: {number} of 6 weights moved")
assert list(found.values()) == [0, 6, 6, 0, 6, 6], "it changed: which weights move"

tokens = keras.Input((5, 4))
attention = keras.layers.MultiHeadAttention(2, 2)
model = keras.Model(tokens, attention(tokens, tokens))
attention.trainable = False
model.save("attention.keras")
loaded = keras.models.load_model("attention.keras")
numbers = [len(m.trainable_variables) for m in (model, loaded)]
print("trainable weights of a frozen MultiHeadAttention, and loaded:", numbers)
assert numbers == [0, 8], "it changed: attention stays frozen in a file"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
