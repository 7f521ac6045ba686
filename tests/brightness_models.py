"""Models whose logits are the brightness of a picture times a weight, for tests."""

import keras
import numpy as np


def linear(name, weights):
    """Logits that are the mean brightness of the image times a weight a class."""
    dense = keras.layers.Dense(3, use_bias=False)
    layers = [keras.layers.GlobalAveragePooling2D(), dense]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers], name=name)
    dense.set_weights([np.array([weights], np.float32)])
    return model


def softmax(logits):
    return (np.exp(logits) / np.exp(logits).sum()).tolist()
