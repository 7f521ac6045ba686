"""What the networks cost to use."""

from __future__ import annotations


def parts(context):
    """Parameters, operations and latency, where they were measured."""
    return {"costs": context.costs}
