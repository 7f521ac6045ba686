"""The training step of {ST, M} in PyTorch, to compare with; needs the extra `bench`."""

from __future__ import annotations

import torch
from pytorch_networks import network, total_cost, trainable


def stepper(images, labels, *, bfloat16, compiled):
    """A function that trains {ST, M} with L2 0.01 for so many steps on one batch.

    Args:
        images: uint8 `[batch, 32, 32, 3]`.
        labels: int64 `[batch]`.
        bfloat16: whether the layers run under `torch.autocast`.
        compiled: whether the step goes through `torch.compile`.
    """
    torch.manual_seed(0)
    members = [network(name) for name in ("ST", "M")]
    for member in members:
        member.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(trainable(*members), lr=2**-10, eps=1e-8, fused=True)
    x = torch.from_numpy(images).permute(0, 3, 1, 2)  # channels last in memory
    y = torch.from_numpy(labels)
    cost = total_cost(members, "L2", 0.01, 1e-4, bfloat16)
    cost = torch.compile(cost) if compiled else cost

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            cost(x, y).backward()
            optimizer.step()

    return run
