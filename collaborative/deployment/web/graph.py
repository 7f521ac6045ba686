"""From a plain Keras model to a graph of few operations, which a page can run.

A graph is a list of operations, each a dict of plain values for `interpreter.js`, and
one float32 array with all weights, into which the operations point. Value 0 is the
image, value i > 0 what operation i - 1 returns; values lie in memory as `[height,
width, channels]`, without a batch. Reshaping is no operation, as memory stays as it is.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import keras
import numpy as np

from collaborative.data import resizing
from collaborative.deployment.web import elementwise, layers, operations
from collaborative.system.errors import UserError

# What is said of what another runtime may have.
ELSEWHERE = "ONNX Runtime may have it, see --onnxruntime_web"


class NotExpressible(UserError, ValueError):
    """A model with something that a page cannot compute; one line, naming the layer."""


class Value(NamedTuple):
    """What an operation returns: its place among the values, and its shape."""

    index: int
    shape: tuple[int, ...]  # without the batch


@dataclasses.dataclass
class Graph:
    """operations: see the module; weights: float32 `[n]`; output: index of a value."""

    operations: list[dict]
    weights: np.ndarray
    output: int = 0


def convert(model):
    """Converts a model.

    Args:
        model: a functional or sequential `keras.Model` from images `[batch, height,
            width]`, or with 1 or 3 channels, to one output `[batch, classes]`.

    Returns:
        A `Graph`.

    Raises:
        NotExpressible: for what `layers` and `operations` do not have, and where
            it takes something else.
    """
    check(model)
    builder = Builder()
    image = Value(0, tuple(model.input_shape[1:]))
    output = builder.model(model, [image])
    weights = np.concatenate([np.zeros(0, np.float32), *builder.weights])
    return Graph(builder.operations, weights, output.index)


def check(model):
    """Raises NotExpressible unless a model takes one image, and says one thing of it.

    Args:
        model: a `keras.Model`, see `convert`.
    """
    single = len(getattr(model, "inputs", None) or ()) == len(model.outputs or ()) == 1
    shape = model.input_shape[1:] if single else ()
    fits = len(shape) == 2 or (len(shape) == 3 and shape[2] in resizing.CHANNELS)
    if not fits or None in shape:
        raise NotExpressible(
            f"{model.name} must have one output and take one image [height, width], or "
            "with 1 or 3 channels, of a fixed size"
        )
    if len(model.output_shape) != 2:
        raise NotExpressible(
            f"{model.name} returns {model.output_shape[1:]} for an image, not a number "
            "a class"
        )


class Builder:
    """Collects operations and weights while it walks through a model."""

    def __init__(self):
        self.operations, self.weights, self._size = [], [], 0

    def model(self, model, inputs):
        """The output value of a model, nested or not, for input values."""
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                inputs = [self.layer(layer, inputs)]
            return inputs[0]
        if not hasattr(model, "_nodes_by_depth") or len(model.outputs) != 1:
            raise NotExpressible(
                f"{model.name} is neither functional nor sequential, or has several "
                f"outputs; {ELSEWHERE}"
            )
        values = dict(zip(map(id, model.inputs), inputs, strict=True))
        for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
            for node in nodes:
                if not node.is_input:
                    taken = [values[id(tensor)] for tensor in node.input_tensors]
                    value = self.layer(node.operation, taken, node.arguments)
                    values[id(node.output_tensors[0])] = value
        return values[id(model.outputs[0])]

    def layer(self, layer, inputs, arguments=None):
        """The output value of a layer or another operation of Keras.

        Args:
            layer: a layer, a nested model, or an operation of `keras.ops`.
            inputs: list of `Value`s; a value of `keras.ops.stack` is a list of them.
            arguments: what a node of a functional model was called with, if known.
        """
        if isinstance(layer, keras.Model):
            return self.model(layer, inputs)
        if isinstance(layer, keras.layers.Layer):
            write = layers.LAYERS.get(type(layer))
            problem = None if write else "is of a class that the page does not have"
        else:
            write = operations.OPERATIONS.get(type(layer).__name__)
            problem = None if write else "is an operation that the page does not have"
        if not problem:
            try:
                return write(self, layer, inputs, arguments)
            except elementwise.Refused as refused:
                problem = str(refused)
        raise NotExpressible(
            f"layer {layer.name!r} ({type(layer).__name__}) {problem}; {ELSEWHERE}"
        )

    def add(self, name, inputs, shape, **attributes):
        """Adds an operation; its `Value`."""
        taken = [value.index for value in inputs]
        self.operations.append(
            {"op": name, "in": taken, "size": math.prod(shape), **attributes}
        )
        return Value(len(self.operations), tuple(shape))

    def weight(self, array):
        """Where an array begins among the weights."""
        start = self._size
        self.weights.append(np.asarray(array, np.float32).ravel())
        self._size += self.weights[-1].size
        return start
