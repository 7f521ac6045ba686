"""What a network asks of a board: operations, and memory for what it computes with."""

from __future__ import annotations

import math

from etils import epy

with epy.lazy_imports():
    import tensorflow as tf


def _convolved(inputs, output):
    return math.prod((*output, *inputs[1][:-1]))


def _convolved_by_channel(inputs, output):
    return math.prod((*output, *inputs[1][:2]))


def _transposed(inputs, _output):
    """Of a transposed convolution: its output's shape, the kernel, the images."""
    return math.prod((*inputs[2], *inputs[1][:-1]))


def _multiplied(inputs, output):
    return math.prod((*output, inputs[0][-1]))


# How many products an operation sums, from the shapes of its inputs and its output.
_PRODUCTS = {
    "Conv2D": _convolved,
    "Conv3D": _convolved,
    "DepthwiseConv2dNative": _convolved_by_channel,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "MatMul": _multiplied,
    "BatchMatMulV2": _multiplied,
}
_LOOPS = ("While", "StatelessWhile")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")  # as a convolution of groups
# What runtimes compute where its input is: they fuse it into the operation before, or
# it only has another shape.
_IN_PLACE = (
    *("BiasAdd", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh"),
    *("Identity", "Reshape", "Squeeze", "ExpandDims", "Cast"),
)


def footprint(model):
    """Counts what a model computes for one image.

    Args:
        model: a plain `keras.Model` of one input.

    Returns:
        Dict of `multiply_adds`, of convolutions and products of matrices; `is_whole`:
        whether these are all, since those within loops are not counted; and
        `activations`: an estimate of how many numbers there must be room for, where
        they are placed as LiteRT for Microcontrollers does (see `_room`). What a
        runtime keeps besides, such as a description of each operation, is not in it.
    """
    (given,) = model.inputs
    shape = tf.TensorSpec((1, *given.shape[1:]), given.dtype)
    function = tf.function(lambda images: model(images, training=False))
    graph = function.get_concrete_function(shape).graph
    operations = _that_depend_on_images(graph)
    computed = list(_with_those_called(operations))
    return {
        "multiply_adds": sum(map(_multiply_adds, computed)),
        "is_whole": not any(one.type in _LOOPS for one in computed),
        "activations": _room(_tensors(operations)),
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


def _with_those_called(operations):
    """Operations, and those of the functions that they call."""
    for one in operations:
        yield one
        if one.type in _CALLS:
            called = one.graph._get_function(one.get_attr("f").name).graph
            yield from _with_those_called(called.get_operations())


def _multiply_adds(operation):
    inputs = [one.shape.as_list() for one in operation.inputs]
    output = operation.outputs[0].shape.as_list() if operation.outputs else []
    if operation.type == "Einsum":
        sizes = _sizes_by_letter(operation.get_attr("equation").decode(), inputs)
        return math.prod(sizes.values())
    if operation.type not in _PRODUCTS or any(None in s for s in (*inputs, output)):
        return 0
    return _PRODUCTS[operation.type](inputs, output)


def _sizes_by_letter(equation, shapes):
    """The size of each index of an Einsum; those of "..." are named by digits."""
    sizes = {}
    operands = equation.partition("->")[0].split(",")
    for operand, shape in zip(operands, shapes, strict=True):
        further = len(shape) - len(operand.replace("...", ""))
        letters = operand.replace("...", "0123456789"[10 - further :])
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size or 1)
    return sizes


def _size(tensor):
    return math.prod(size or 1 for size in tensor.shape.as_list())


def _tensors(operations):
    """(size, first step, last step) of each tensor, in the order of their first."""
    spans, place_of = [], {}
    for step, operation in enumerate(operations):
        taken = [place_of[n.name] for n in operation.inputs if n.name in place_of]
        for place in taken:
            spans[place][2] = step
        for output in operation.outputs[:1]:
            size = _size(output)
            same = [place for place in taken if spans[place][0] == size]
            if operation.type in _IN_PLACE and same:
                place_of[output.name] = same[0]
                continue
            place_of[output.name] = len(spans)
            spans.append([size, step, step])
    return spans


def _room(tensors):
    """The room that tensors take where they are placed greedily.

    The largest goes first, of equal ones the latest, each to the first gap between
    those placed that are alive at the same time. So it can be more than what is alive
    at once: for a residual network four tensors, of which three are alive.
    """
    placed, latest_first = [], tensors[::-1]
    for size, first, last in sorted(latest_first, key=lambda tensor: -tensor[0]):
        start = 0
        for other, end, other_first, other_last in sorted(placed):
            if other_first <= last and first <= other_last:
                if other - start >= size:
                    break
                start = max(start, end)
        placed.append((start, start + size, first, last))
    return max(end for _, end, _, _ in placed)
