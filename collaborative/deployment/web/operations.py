"""How what ensembles are made of in `keras.ops` is said, as in `layers`."""

from __future__ import annotations

from collaborative.deployment.web.elementwise import (
    Refused,
    affine,
    combine,
    function,
)


def _over_classes(name):
    def over_classes(build, operation, inputs, _):
        if operation.axis not in (-1, len(inputs[0].shape)):
            raise Refused("is over another axis than the last")
        return function(build, inputs[0], name)

    return over_classes


def _stack(build, operation, inputs, _):
    """A list of values, for `_log_sum_exp`: stacked before the batch."""
    if operation.axis != 0:
        raise Refused("stacks over another axis than the first")
    return list(inputs)


def _log_sum_exp(build, operation, inputs, arguments):
    (stacked,) = inputs
    if not isinstance(stacked, list) or operation.axis not in (0, (0,), [0]):
        raise Refused("is not over values that were stacked")
    return combine("logSumExp")(build, operation, stacked, arguments)


def _with_constant(scale_and_shift):
    """x and a number, in this order, as an affine operation."""

    def with_constant(build, operation, inputs, arguments):
        given = [*arguments.args, *arguments.kwargs.values()]
        numbers = [g for g in given if isinstance(g, int | float)]
        if len(inputs) != 1 or len(given) != 2 or given[1:] != numbers:
            raise Refused("is not of a value and a number, in this order")
        return affine(build, inputs[0], *scale_and_shift(numbers[0]))

    return with_constant


def _cast(build, operation, inputs, _):
    """Pictures are whole numbers, 0..255, which all of these hold."""
    if operation.dtype not in ("float32", "uint8", "int32"):
        raise Refused(f"computes in {operation.dtype}")
    return inputs[0]


OPERATIONS = {
    "Cast": _cast,
    "LogSoftmax": _over_classes("log_softmax"),
    "Softmax": _over_classes("softmax"),
    "Stack": _stack,
    "Logsumexp": _log_sum_exp,
    "Add": _with_constant(lambda c: (1.0, c)),
    "Subtract": _with_constant(lambda c: (1.0, -c)),
    "Multiply": _with_constant(lambda c: (c, 0.0)),
    "Divide": _with_constant(lambda c: (1 / c, 0.0)),
    "TrueDivide": _with_constant(lambda c: (1 / c, 0.0)),
}
