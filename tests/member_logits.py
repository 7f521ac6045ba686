"""Logits of members, and what their disagreement costs."""

import math

import numpy as np
import tensorflow as tf

from collaborative import collaboration

G1 = tf.constant([[0.0, math.log(3.0)], [1.0, 1.0]], tf.float64)  # p: (1/4, 3/4), half
G2 = tf.constant([[0.0, 0.0], [2.0, -1.0]], tf.float64)


def random_logits(members, seed=0):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=(5, 4))) for _ in range(members)]


def cost(logits, method="L2", **settings):
    return collaboration.Collaboration(method, **settings).cost(logits)


def gradients(logits, method="L2", **settings):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = cost(logits, method, **settings)
    return [np.asarray(g) for g in tape.gradient(total, logits)]
