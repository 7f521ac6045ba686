#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: accuracy of a model that computes in 16 bits.
#
# Guess: accuracy compares the largest logit's class with the label. These are integers;
#   the precision in which the model computes has no part in it.
# Seen: labels are cast to the type of the logits, and then the predicted classes to that
#   of the labels. bfloat16 has 8 bits for a number, so that 256 and 257 are one class,
#   and 512 to 514: of a model of 1,000 classes under "mixed_bfloat16" that always says
#   the neighbour of the right class, half of the answers count as right, and of one of
#   10,000 nine in ten; in float16 (11 bits) more than half of 10,000. The loss is right.
#   One-hot labels give the same numbers.
# What helps: `dtype="float32"` in the last layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np


def accuracies(policy, classes, last=None):
    """Of a model that says class i to the i-th one, where i + 1 or i - 1 is right."""
    keras.config.set_dtype_policy(policy)
    answers = np.arange(classes)
    layer = keras.layers.Embedding(
        classes, classes, embeddings_initializer="identity", dtype=last
    )
    model = keras.Sequential([keras.Input((), dtype="int32"), layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], jit_compile=False)
    logits = keras.ops.convert_to_numpy(keras.ops.cast(model(answers), "float32"))
    assert np.array_equal(logits.argmax(1), answers)
    wrong = model.evaluate(answers, answers ^ 1, verbose=0, return_dict=True)
    return round(wrong["accuracy"], 3)


found = {}
for classes in (100, 1000, 10000):
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        found[policy, classes] = accuracies(policy, classes)
        print(f"{classes} classes, {policy}: {found[policy, classes]}")
helped = accuracies("mixed_bfloat16", 1000, "float32")
print(f"1000 classes, mixed_bfloat16, the last layer in float32: {helped}")
assert helped == 0 and not any(found[p, 100] for p, _ in found)
assert found["float32", 10000] == found["mixed_float16", 1000] == 0
assert found["mixed_bfloat16", 1000] > 0.4, "it changed: 1000 classes in bfloat16"
assert found["mixed_bfloat16", 10000] > 0.8, "it changed: 10000 classes in bfloat16"
assert found["mixed_float16", 10000] > 0.4, "it changed: 10000 classes in float16"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
