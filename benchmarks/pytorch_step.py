"""The training step of {ST, M} in PyTorch, to compare with; needs the extra `bench`."""

from __future__ import annotations

import torch
from pytorch_networks import network, total_cost, trainable

_WARMING_UP = 5  # steps before a graph is captured


def stepper(images, labels, *, bfloat16, compiled, graph=False):
    """A function that trains {ST, M} with L2 0.01 for so many steps on one batch.

    On a GPU, if there is one, in TF32 where it is not bfloat16.

    Args:
        images: uint8 `[batch, 32, 32, 3]`.
        labels: int64 `[batch]`.
        bfloat16: whether the layers run under `torch.autocast`.
        compiled: whether the step goes through `torch.compile`.
        graph: whether a step is the replay of a CUDA graph.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True  # convolutions are anyhow
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    members = [network(name) for name in ("ST", "M")]
    for member in members:
        member.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        trainable(*members), lr=2**-10, eps=1e-8, fused=True, capturable=graph
    )
    x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)  # channels last
    y = torch.from_numpy(labels).to(device)
    cost = total_cost(members, "L2", 0.01, 1e-4, bfloat16, device)
    cost = torch.compile(cost) if compiled else cost

    def step():
        optimizer.zero_grad(set_to_none=not graph)
        cost(x, y).backward()
        optimizer.step()

    once = _captured(step) if graph else step

    def run(steps):
        for _ in range(steps):
            once()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def _captured(step):
    """A function that replays a CUDA graph of a step."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARMING_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
