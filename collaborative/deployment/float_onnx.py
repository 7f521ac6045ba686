"""A plain model as float32 ONNX, for a file of its own or for a page."""

from __future__ import annotations

from etils import epy

with epy.lazy_imports():
    import tensorflow as tf


def write(model, path):
    """Writes a plain `keras.Model`, whose input will be called `images`."""
    images = tf.TensorSpec(model.input_shape, tf.float32, name="images")
    model.export(path, format="onnx", input_signature=[images], verbose=False)
