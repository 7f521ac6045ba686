#!/usr/bin/env bash
# qkeras-v3 1.2.1, Keras 3.15.1, TensorFlow 2.21.0: what `print_qstats` does to a network,
# `use_stochastic_rounding`, and `ema_freeze_delay`.
#
# Guess: `print_qstats(network)` "prints quantization statistics for the model", and leaves
#   it be; so does `get_model_sparsity`, which quantizes ("but does not save the quantized
#   weights"). With use_stochastic_rounding=True weights are rounded up or down at random in
#   training, right on average, as in the QKeras of Keras 2; `stochastic_ternary` and
#   `stochastic_binary` are "with stochastic sampling". `ema_freeze_delay` is the "number of
#   steps before batch normalization mv_mean and mv_variance will be frozen".
# Seen: both functions put the rounded weights into the network. Printed after each epoch it
#   loses what it has learnt in it, as long as that is less than half a step of its 4 bits:
#   after 10 epochs it is right on 24 % of the images, for 95. Rounding at random never
#   happens: the setting is handed on as another one, and weights after training are the
#   same with it and without it, to the bit, as those of `stochastic_ternary` and `ternary`,
#   and `stochastic_binary` and `binary`, are. With TensorFlow the moments of
#   QDenseBatchnorm and QConv2DBatchnorm move on after the delay as they do without one:
#   what is put aside to be put back is the variable itself. Nothing warns.
# What helps: `print_qstats(clone)` of a clone that has the weights, as below; for the
#   moments the JAX backend.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 networkx==3.6.1 \
    pyparsing==3.3.3 scikit-learn==1.9.1 scipy==1.17.1 tqdm==4.70.1 numpy==2.4.6
# What is used here needs these alone; the package would want ruff and more.
env/bin/pip install --quiet --no-deps qkeras-v3==1.2.1
cat > run.py <<'PYTHON'
import contextlib, io, logging, warnings

import keras, numpy as np
from qkeras import QActivation, QConv2DBatchnorm, QDense, QDenseBatchnorm
from qkeras import binary, print_qstats, quantized_bits, quantized_relu
from qkeras import stochastic_binary, stochastic_ternary, ternary
from qkeras.utils import get_model_sparsity

logging.getLogger("tensorflow").setLevel(logging.ERROR)
warnings.simplefilter("error")
random = np.random.default_rng(0)
labels = np.arange(600) % 10
images = random.normal(size=(10, 20))[labels] + 0.9 * random.normal(size=(600, 20))


def bits(**settings):
    return quantized_bits(4, 0, alpha=1, **settings)


def network(quantizer=bits()):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20,))
    x = QDense(32, kernel_quantizer=quantizer, bias_quantizer=bits())(inputs)
    x = QActivation(quantized_relu(6, 2))(x)
    x = QDense(10, kernel_quantizer=quantizer, bias_quantizer=bits())(x)
    return compiled(keras.Model(inputs, x))


def compiled(model, rate=2e-3):
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def quietly(function, *values):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*values)


def equal(first, second):
    return all(map(np.array_equal, first, second))


def of_a_clone(model):
    copied = network()
    copied.set_weights(model.get_weights())
    print_qstats(copied)


print("values in the first kernel, before and after:")
for function in (print_qstats, get_model_sparsity):
    model = network()
    before = model.get_weights()
    quietly(function, model)
    after = model.get_weights()
    values = [np.unique(weights[0]).size for weights in (before, after)]
    print(f"  {function.__name__}: {values[0]}, {values[1]}")
    assert values[0] == 640 and values[1] <= 16, "it changed: it leaves the weights"

print("10 epochs, after each of them:")
rights = {}
for what in (None, print_qstats, of_a_clone):
    model = network()
    rights[what] = []
    for epoch in range(1, 11):
        model.fit(images, labels, batch_size=60, verbose=0)
        if what:
            quietly(what, model)
        if epoch % 5 == 0:
            rights[what].append(100 * model.evaluate(images, labels, verbose=0)[1])
    name = what.__name__ if what else "nothing"
    print(f"  {name}: after 5 and 10 epochs right on", end=" ")
    print(*(f"{right:.0f}" for right in rights[what]), "%")
assert rights[None] == rights[of_a_clone], "a clone is not the network"
assert rights[None][-1] > 90 and rights[print_qstats][-1] < 30, "it changed: it learns"

print("weights after 3 epochs, the same to the bit:")
for name, first, second in (
    ("quantized_bits, without and with", bits(), bits(use_stochastic_rounding=True)),
    ("ternary and stochastic_ternary", ternary(alpha=1), stochastic_ternary(alpha=1)),
    ("binary and stochastic_binary", binary(alpha=1), stochastic_binary(alpha=1)),
    ("quantized_bits of 4 and of 5 bits", bits(), quantized_bits(5, 0, alpha=1)),
):
    weights = []
    for quantizer in (first, second):
        model = network(quantizer)
        model.fit(images, labels, batch_size=60, epochs=3, verbose=0)
        weights.append(model.get_weights())
    same = equal(*weights)
    print(f"  {name}: {same}")
    assert same == ("of 5 bits" not in name), "it changed: rounding"

print("largest moving mean after 10, 20, 30 steps, without and with a delay of 10:")
pictures = random.normal(size=(200, 6, 6, 1))
for layer, inputs in ((QDenseBatchnorm, images), (QConv2DBatchnorm, pictures)):
    seen = {}
    for delay in (None, 10):
        keras.utils.set_random_seed(0)
        shape = (4,) if layer is QDenseBatchnorm else (4, 3)
        start = keras.Input(inputs.shape[1:])
        made = layer(*shape, kernel_quantizer=bits(), ema_freeze_delay=delay)
        x = keras.layers.Dense(10)(keras.layers.Flatten()(made(start)))
        model = compiled(keras.Model(start, x), 0.0)
        seen[delay] = []
        for shift in range(3):  # the images change, as they would with the weights
            model.fit(inputs[:200] + shift, labels[:200], batch_size=20, verbose=0)
            moving = made.batchnorm.moving_mean.numpy()
            seen[delay].append(float(np.abs(moving).max()))
        print(f"  {layer.__name__}, {delay}:", *(f"{value:.3f}" for value in seen[delay]))
    assert seen[None] == seen[10] and seen[10][1] != seen[10][2], "it changed: frozen"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>error.txt || { cat error.txt; exit 1; }
