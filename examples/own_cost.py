"""A collaboration cost of your own, proved against the built-in ones.

Description: the distance `sum |g1 - g2|^p` of two members' logits. With p = 2 and p = 1
it must be the built-in L2 and L1; with p = 1.5 it is new.
Date created: 2026-11-27, with TensorFlow 2.21.0 and Keras 3.15.1

    python examples/own_cost.py

proves it and trains with it. The same file is a plugin, with which the commands know
the new method:

    python run_experiments.py --plugin examples/own_cost.py --method L1.5 --alpha 0.01
"""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits

from collaborative import Collaboration, EnsembleModel, register

EPOCHS = 15


# ## The cost
#
# A function of the logits of two members, each [batch, classes], to the cost of each
# image, [batch]. The sum over the pairs of members and the mean over the batch are
# done for you, with sample weights and mixed precision.


def distance(g1, g2, p):
    """sum_c |g1_c - g2_c|^p."""
    return tf.reduce_sum(tf.abs(g1 - g2) ** p, axis=-1)


# ## Its name
#
# Registered names can be used wherever a method is wanted. This is all that a plugin
# has to do; what follows is below `__main__`, where a plugin does not come.

for p in (1.0, 1.5, 2.0):
    register(f"L{p}")(functools.partial(distance, p=p))


# ## The proof
#
# A cost that is computed wrongly still trains something. So compare it, value and
# gradient, with one that is known, at logits drawn at random. The gradients go into
# both members: neither is a teacher.


def cost_and_gradients(method, logits):
    """Collab of equation (2.2), and what it tells each member's logits."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = Collaboration(method, alpha=1.0).cost(logits)
    return [cost, *tape.gradient(cost, logits)]


def prove(method, known):
    """Raises AssertionError where two methods are not the same."""
    rng = np.random.default_rng(0)
    logits = [tf.constant(rng.normal(size=(32, 10)), tf.float32) for _ in range(3)]
    ours, theirs = cost_and_gradients(method, logits), cost_and_gradients(known, logits)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    print(f"{method} is {known}, and so are its gradients: {ours[0]:.4f}")


# ## Training with it
#
# The proof goes on: trained for an epoch, ensembles of both methods end with the same
# weights. Then the new method beside the old ones, on 300 digits and with one seed:
# it shows that it works, not that it is better. Here none of them gains on `Single`.


def ensemble(method, alpha):
    """Two small perceptrons of different width, with the same first weights."""
    keras.utils.set_random_seed(0)
    members = [
        keras.Sequential(
            [
                keras.Input((64,)),
                layers.Rescaling(1 / 16),
                layers.Dense(width, activation="relu"),
                layers.Dense(10),
            ],
            name=name,
        )
        for name, width in (("narrow", 16), ("wide", 256))
    ]
    model = EnsembleModel(members, method=method, alpha=alpha)
    model.compile(optimizer=keras.optimizers.Adam(0.003))
    return model


def main():
    images, labels = load_digits(return_X_y=True)
    train, test = slice(300), slice(300, None)
    for method, known in (("L2.0", "L2"), ("L1.0", "L1")):
        prove(method, known)

    one_epoch = [ensemble(method, 0.01) for method in ("L2.0", "L2")]
    for model in one_epoch:
        model.fit(images[train], labels[train], verbose=0)
    for a, b in zip(*(model.get_weights() for model in one_epoch), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    print("trained with L2.0 and with L2, the weights are the same")

    print("test error in %  narrow    wide  ensemble")
    for method in ("Single", "L1", "L1.5", "L2"):
        model = ensemble(method, 0.0 if method == "Single" else 0.01)
        model.fit(images[train], labels[train], epochs=EPOCHS, verbose=0)
        scores = model.evaluate(images[test], labels[test], verbose=0, return_dict=True)
        errors = [100 * scores[f"{name}_error"] for name in model.predictor_names]
        print(f"{method:15}" + "".join(f"{error:8.2f}" for error in errors))


if __name__ == "__main__":
    main()
