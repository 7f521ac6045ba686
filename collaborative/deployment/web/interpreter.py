"""The page's own runtime: networks as graphs and weights, for `interpreter.js`."""

from __future__ import annotations

import numpy as np

from collaborative.deployment.web import graph, runtime

# A network with more weights has them as whole numbers of 24 bits, in a unit for each
# BLOCK: three bytes for four, and outputs change by some 1e-6 of the largest.
EXACT_UP_TO = 1_000_000
BLOCK = 256


def embed(model):
    """A network for a page, see `runtime.Runtime`.

    Raises:
        graph.NotExpressible: for one that the interpreter cannot run.
    """
    converted = graph.convert(model)
    weights = converted.weights
    bytes_each = 4 if weights.size <= EXACT_UP_TO else 3
    facts = {
        "graph": {"operations": converted.operations, "output": converted.output},
        "count": int(weights.size),
        "block": BLOCK if bytes_each == 3 else 0,
    }
    return facts, packed(weights, bytes_each)


def packed(weights, bytes_each=4):
    """float32 numbers as bytes, which `decode` of the interpreter reads.

    Args:
        weights: float32 `[n]`.
        bytes_each: 4 for each exactly; 3 for whole numbers of 24 bits, BLOCK of them
            after their unit, a float32.
    """
    if bytes_each == 4:
        return weights.astype(">f4").tobytes()
    blocks = np.pad(weights, (0, -len(weights) % BLOCK)).reshape(-1, BLOCK)
    units = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(2**23 - 2)
    numbers = np.rint(blocks / np.where(units, units, 1).astype(np.float64))
    bits = numbers.astype(">i4").view(np.uint8).reshape(-1, BLOCK, 4)[:, :, 1:]
    units = units.astype(">f4").view(np.uint8)
    return np.hstack([units, bits.reshape(len(bits), -1)]).tobytes()


INTERPRETER = runtime.Runtime("interpreter", embed)
