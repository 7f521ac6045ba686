#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: two losses for one output.
#
# Guess: `compile(loss=[cross_entropy, squared_error], loss_weights=[0.1, 0.9])` has a
#   network of one output minimise the weighted sum, as a list of metrics has all of them
#   shown; or it is refused.
# Seen: the first is minimised alone, with its weight; the other has no effect. What is
#   shown beside the first is "st_loss: 0.0", by the name of the output, as if a part were
#   at its end. Ten epochs leave the weights that the first loss alone leaves, to the bit;
#   turned around those of the other. The same list is summed where the outputs are a list
#   of one, a dict of one, or two. Nothing warns. (Where it is summed, the losses of an
#   output share a name, and the last of them is what is shown.)
# What helps: one function that adds them up; or `outputs=[output]`, and labels in a list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np

warnings.simplefilter("error")
random = np.random.default_rng(0)
images = random.normal(size=(64, 8)).astype("float32")
teacher = np.exp(random.normal(size=(64, 4)))
labels = (teacher / teacher.sum(1, keepdims=True)).astype("float32")


def cross_entropy(p, q):
    return keras.ops.mean(-keras.ops.sum(p * keras.ops.log(q), -1))


def squared_error(p, q):
    return keras.ops.mean(keras.ops.sum((p - q) ** 2, -1))


both = [cross_entropy, squared_error]


def compiled(loss, outputs=lambda x: x, **settings):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    probabilities = keras.layers.Dense(4, activation="softmax", name="st")(inputs)
    model = keras.Model(inputs, outputs(probabilities))
    model.compile(keras.optimizers.SGD(0.1), loss, **settings)
    return model


def evaluated(what, model, labels=labels):
    found = model.evaluate(images, labels, batch_size=64, verbose=0, return_dict=True)
    print(f"  {what}:", {name: round(value, 3) for name, value in found.items()})
    return found


def trained(model):
    model.fit(images, labels, batch_size=16, epochs=10, verbose=0)
    return model.get_weights()


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b))


print("one output:")
first = evaluated("cross entropy", compiled(cross_entropy))["loss"]
second = evaluated("squared error", compiled(squared_error))["loss"]
found = evaluated("both", compiled(both))
turned = evaluated("both, turned around", compiled(both[::-1]))
weighted = evaluated("both, 0.1 and 0.9", compiled(both, loss_weights=[0.1, 0.9]))
assert np.isclose(found["loss"], first), "it changed: the second counts"
assert np.isclose(turned["loss"], second), "it changed: the second counts"
assert np.isclose(weighted["loss"], 0.1 * first), "it changed: the second counts"
rest = [value for name, value in found.items() if name != "loss"]
assert rest and not any(rest), "it changed: what is shown"

print("other outputs:")
listed = evaluated("a list of one", compiled(both, lambda x: [x]), [labels])
named = evaluated(
    "a dict of one", compiled({"st": both}, lambda x: {"st": x}), {"st": labels}
)
two = evaluated("two", compiled([both, both], lambda x: [x, x]), [labels, labels])
assert np.isclose(listed["loss"], first + second)
assert np.isclose(named["loss"], first + second)
assert np.isclose(two["loss"], 2 * (first + second))

alone, other = trained(compiled(cross_entropy)), trained(compiled(squared_error))
in_list, backwards = trained(compiled(both)), trained(compiled(both[::-1]))
added = trained(compiled(lambda p, q: cross_entropy(p, q) + squared_error(p, q)))
print("trained as the first alone:", same(in_list, alone), same(backwards, other))
print("trained as their sum:", same(in_list, added))
assert same(in_list, alone) and same(backwards, other), "it changed: the weights"
assert not same(in_list, added)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
