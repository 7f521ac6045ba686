#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, JAX 0.10.2: setting `trainable` to the value it has.
#
# Guess: `base.trainable = False` freezes all layers of `base`, whatever was set of each
#   before, and `base.trainable = True` thaws them all: the setter says that it "sets
#   trainable attribute for the layer and its sublayers".
# Seen: with TensorFlow, a value that `base` has already is not set, and its layers keep
#   theirs. A base that was frozen, but for its last layer, is not frozen again; one
#   whose layers were frozen one by one is not thawed. Nothing warns. JAX does both.
# What helps: set it to the other value first, or set that of each layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 \
    jaxlib==0.10.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np

x, y = np.random.default_rng(0).random((2, 64, 4)).astype("float32")


def base():
    dense = [keras.layers.Dense(4) for _ in range(3)]
    return keras.Sequential([keras.Input((4,)), *dense])


def moved(trained):
    """How many of the base's six weights an epoch of it with a head moves."""
    before = trained.get_weights()
    model = keras.Sequential([keras.Input((4,)), trained, keras.layers.Dense(4)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(x, y, verbose=0)
    pairs = zip(before, trained.get_weights(), strict=True)
    return sum(not np.array_equal(a, b) for a, b in pairs)


frozen = base()
frozen.trainable = False
frozen.layers[-1].trainable = True  # for a while
frozen.trainable = False

thawed = base()
for layer in thawed.layers:
    layer.trainable = False
thawed.trainable = True

other_first = base()
for layer in other_first.layers:
    layer.trainable = False
other_first.trainable = False
other_first.trainable = True

found = [moved(frozen), moved(thawed), moved(other_first)]
print(
    f"{keras.backend.backend()}: of 6 weights, {found[0]} move of the frozen base, "
    f"{found[1]} of the thawed one, {found[2]} where False was set before"
)
wanted = {"tensorflow": [2, 0, 6], "jax": [0, 6, 6]}[keras.backend.backend()]
assert found == wanted, "it changed: which weights move"
PYTHON
for backend in tensorflow jax; do
    KERAS_BACKEND=$backend TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
done
