"""Builds a network anew from stock Keras layers in float32, with all of its state.

State is more than weights: the statistics of a `Normalization`, the bins of a
`Discretization`, the words of a lookup are made from what a layer saves. So each layer
hands its state over as it would to a file, and what it keeps as a plain tensor becomes
a constant, which exporters would otherwise take for a further input.
"""

from __future__ import annotations

import tempfile

import keras
import tensorflow as tf

from collaborative.nn import fast_paths

_STOCK = {
    keras.saving.get_registered_name(ours): stock
    for ours, stock in fast_paths.STOCK.items()
}


def float_copy(model):
    """A copy of a functional or sequential model: float32, stock layers, own weights.

    Layers that Keras has quantized stay quantized, and integers integers.

    Args:
        model: a built `keras.Model`.

    Raises:
        ValueError: where it runs Python code that is part of the model.
        Exception: whatever Keras raises for what it cannot rebuild from its config.
    """
    config = _in_float32(keras.saving.serialize_keras_object(model))
    copy = keras.saving.deserialize_keras_object(config, _classes(model))
    pairs = zip(model._flatten_layers(), copy._flatten_layers(), strict=True)
    for layer, its_copy in pairs:
        _copy_state(layer, its_copy)
        _keep_constants(its_copy)
    return copy


def _classes(model):
    """The classes of a model's layers: those of a notebook are registered nowhere."""
    return {type(layer).__name__: type(layer) for layer in model._flatten_layers()}


def _in_float32(config):
    """A serialized object with float32 and stock classes, at any depth."""
    if isinstance(config, (list, tuple)):
        return type(config)(map(_in_float32, config))
    if not isinstance(config, dict):
        return config
    # How an inner model was compiled is nobody's business here.
    config = {k: _in_float32(v) for k, v in config.items() if k != "compile_config"}
    name, inner = config.get("class_name"), config.get("config")
    if name == "__lambda__":
        raise ValueError(
            "it runs Python code of its own (a Lambda layer, or a lambda), which Keras "
            "refuses to load unless safe_mode is off; use layers or keras.ops"
        )
    if not isinstance(inner, dict):
        return config
    if name == "DTypePolicy":
        inner["name"] = _float32(inner["name"])
    elif "source_name" in inner:  # of quantized layers
        inner["source_name"] = _float32(inner["source_name"])
    elif inner.get("synchronized"):  # over replicas, which there are none of
        inner["synchronized"] = False
    stock = _STOCK.get(config.get("registered_name"))
    if stock is not None:
        serialized = {"module": stock.__module__, "class_name": stock.__name__}
        config |= serialized | {"registered_name": None}
    return config


def _float32(policy):
    """float32 in the place of a policy's name, unless it is of integers or words."""
    return "float32" if "float" in policy else policy


def _copy_state(layer, copy):
    state = {}
    layer.save_own_variables(state)
    # As from a file: what a layer makes of its state must not depend on the original's.
    copy.load_own_variables({k: _detached(v) for k, v in state.items()})
    if hasattr(layer, "save_assets"):  # lists of words
        with tempfile.TemporaryDirectory() as directory:
            layer.save_assets(directory)
            copy.load_assets(directory)


def _detached(value):
    value = tf.convert_to_tensor(value)
    return (tf.cast(value, "float32") if value.dtype == "bfloat16" else value).numpy()


def _keep_constants(layer):
    for name, value in list(vars(layer).items()):
        if isinstance(value, tf.Tensor):
            setattr(layer, name, value.numpy())
