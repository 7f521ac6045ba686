#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: CategoricalGeneralizedCrossEntropy, against noisy labels.
#
# Guess: labels are classes "with shape `[batch_size]` or `[batch_size, 1]`", as those of
#   `keras.datasets.cifar10`, which are a column. It is the same loss with both, as it is of
#   SparseCategoricalCrossentropy.
# Seen: of a column each image's probabilities are compared with each image's label: the
#   loss is the mean over all pairs of a batch, which tells no image from another. Four
#   classes that are learnt to 98 % with labels in a row are told right by 41 %. Weights go
#   with labels: an image of weight 0 is compared with the others'. Nothing warns; the loss
#   of a batch looks like one.
# What helps: `labels.ravel()`, or `np.squeeze(labels, -1)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import warnings

import keras, numpy as np
from keras.losses import CategoricalGeneralizedCrossEntropy, SparseCategoricalCrossentropy

random = np.random.default_rng(0)
x = random.normal(size=(2000, 8)).astype("float32")
row = np.argmax(x[:, :4], axis=1)
column = row.reshape(-1, 1)


def learnt(loss, labels):
    """The loss in the end, and the share of images that are told right."""
    keras.utils.set_random_seed(0)
    softmax = keras.layers.Dense(4, activation="softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((8,)), softmax])
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    model.fit(x, labels, batch_size=50, epochs=10, verbose=0)
    told = np.argmax(model.predict(x, verbose=0), axis=1)
    return model.evaluate(x, labels, verbose=0), np.mean(told == row)


def of_three(labels, weights=None):
    probabilities = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]], "float32")
    loss = CategoricalGeneralizedCrossEntropy(reduction=None)
    return loss(np.array(labels), probabilities, sample_weight=weights).numpy()


found = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for kind in (CategoricalGeneralizedCrossEntropy, SparseCategoricalCrossentropy):
        for name, labels in {"row": row, "column": column}.items():
            found[kind.__name__[:6], name] = loss, share = learnt(kind(), labels)
            print(f"{kind.__name__}, labels in a {name}: {loss:.3f}, {share:.1%} right")
    three = of_three([[0], [1], [0]])
    weighted = of_three([[0], [1], [0]], np.array([1, 0, 0]))
print("of three images:", of_three([0, 1, 0]).round(2), "and", three.round(2).tolist())
print("said:", [str(one.message) for one in caught])
assert found["Catego", "row"][1] > 0.94, "it changed: labels in a row"
assert found["Catego", "column"][1] < 0.6, "it changed: labels in a column"
for name in ("row", "column"):
    assert found["Sparse", name][1] > 0.94, "it changed: the other loss"
assert three.shape == (3, 3) and np.allclose(np.diag(three), of_three([0, 1, 0]))
assert (weighted[:, 0] > 0).all() and not weighted[:, 1:].any(), "it changed: weights"
assert not caught, "it warns now"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
