"""What a network asks of a board: operations, and memory for what it computes with."""

from __future__ import annotations

import math

from etils import epy

with epy.lazy_imports():
    import tensorflow as tf

# From the shapes of an operation's inputs, its output's, and how many products each
# number of the output is a sum of.
_PRODUCTS = {
    "Conv2D": lambda inputs: math.prod(inputs[1][:-1]),
    "DepthwiseConv2dNative": lambda inputs: math.prod(inputs[1][:2]),
    "MatMul": lambda inputs: inputs[0][-1],
    "BatchMatMulV2": lambda inputs: inputs[0][-1],
}
# What needs its input whole until its output is whole.
_NOT_IN_PLACE = (
    *_PRODUCTS,
    "AvgPool",
    "MaxPool",
    "Pad",
    "PadV2",
    "Transpose",
    "Conv3D",
)


def footprint(model):
    """Counts what a model computes for one image.

    Args:
        model: a plain `keras.Model` of one input.

    Returns:
        Dict of `multiply_adds`, of convolutions and products of matrices, and
        `activations`: an estimate of how many numbers are held at the same time at
        most, where all that can be computed in place is, as runtimes for boards do.
    """
    (given,) = model.inputs
    shape = tf.TensorSpec((1, *given.shape[1:]), given.dtype)
    function = tf.function(lambda images: model(images, training=False))
    graph = function.get_concrete_function(shape).graph
    operations = _that_depend_on_images(graph)
    return {
        "multiply_adds": sum(map(_multiply_adds, operations)),
        "activations": _most_at_once(operations),
    }


def _that_depend_on_images(graph):
    """Operations that compute something of the images, in an order that works."""
    reached, found = {graph.inputs[0].name}, []
    for operation in graph.get_operations():
        if operation.type == "Placeholder":
            if operation.outputs[0].name in reached:
                found.append(operation)
        elif any(one.name in reached for one in operation.inputs):
            reached.update(one.name for one in operation.outputs)
            found.append(operation)
    return found


def _multiply_adds(operation):
    if operation.type not in _PRODUCTS:
        return 0
    inputs = [one.shape.as_list() for one in operation.inputs]
    if None in (*inputs[0], *inputs[1], *operation.outputs[0].shape.as_list()):
        return 0
    return math.prod(operation.outputs[0].shape) * _PRODUCTS[operation.type](inputs)


def _size(tensor):
    return math.prod(size or 1 for size in tensor.shape.as_list())


def _most_at_once(operations):
    last_use = {}
    for step, operation in enumerate(operations):
        last_use |= {one.name: step for one in operation.inputs}
    held, most = {}, 0
    for step, operation in enumerate(operations):
        if not operation.outputs:
            continue
        output = operation.outputs[0]
        ending = [n.name for n in operation.inputs if last_use[n.name] == step]
        ending = {name: held[name] for name in ending if name in held}
        size = _size(output)
        in_place = operation.type not in _NOT_IN_PLACE and size in ending.values()
        most = max(most, sum(held.values()) + (0 if in_place else size))
        held = {name: n for name, n in held.items() if name not in ending}
        held[output.name] = size
    return most
