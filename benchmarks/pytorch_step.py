"""The training step of {ST, M} in PyTorch, to compare with; needs the extra `bench`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from collaborative import resnet


def batch_norm(channels):
    """Batch normalization with an offset and no scale."""
    layer = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
    layer.weight.requires_grad_(False)
    return layer


class Block(nn.Module):
    """x + conv(relu(BN(conv(relu(BN(x))))))."""

    def __init__(self, channels):
        super().__init__()
        self.branch = nn.Sequential(
            *(batch_norm(channels), nn.ReLU()),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            *(batch_norm(channels), nn.ReLU()),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return x + self.branch(x)


class Reduction(nn.Module):
    """Halves height and width, doubles the channels."""

    def __init__(self, channels):
        super().__init__()
        doubled = 2 * channels
        self.branch = nn.Sequential(
            *(batch_norm(channels), nn.ReLU()),
            nn.Conv2d(channels, doubled, 2, stride=2, bias=False),
            *(batch_norm(doubled), nn.ReLU()),
            nn.Conv2d(doubled, doubled, 3, padding=1, bias=False),
        )
        self.shortcut = nn.Conv2d(channels, doubled, 2, stride=2, bias=False)

    def forward(self, x):
        return self.shortcut(x) + self.branch(x)


def network(config, num_classes=10):
    """The network of a `resnet.ResNetConfig`, for images of three channels."""
    channels = config.filters
    layers = [
        nn.BatchNorm2d(3, eps=1e-3, momentum=0.01, affine=False),
        nn.Conv2d(3, channels, 3, padding=1),
    ]
    for brick in range(config.bricks):
        layers += [Block(channels) for _ in range(config.repetitions)]
        if brick < config.bricks - 1:
            layers.append(Reduction(channels))
            channels *= 2
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    return nn.Sequential(*layers)


def stepper(images, labels, *, bfloat16, compiled):
    """A function that trains {ST, M} with L2 0.01 for so many steps on one batch.

    Args:
        images: uint8 `[batch, 32, 32, 3]`.
        labels: int64 `[batch]`.
        bfloat16: whether the layers run under `torch.autocast`.
        compiled: whether the step goes through `torch.compile`.
    """
    torch.manual_seed(0)
    members = [network(resnet.PRESETS[name]) for name in ("ST", "M")]
    for member in members:
        member.to(memory_format=torch.channels_last)
    parameters = [
        p for member in members for p in member.parameters() if p.requires_grad
    ]
    kernels = [p for p in parameters if p.ndim > 1]
    optimizer = torch.optim.Adam(parameters, lr=2**-10, eps=1e-8, fused=True)
    x = torch.from_numpy(images).permute(0, 3, 1, 2)  # channels last in memory
    y = torch.from_numpy(labels)

    def total_cost(x, y):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            g1, g2 = (member(x.float()).float() for member in members)
        costs = functional.cross_entropy(g1, y) + functional.cross_entropy(g2, y)
        collaboration = ((g1 - g2) ** 2).sum(dim=1).mean()
        decay = sum((kernel**2).sum() for kernel in kernels) / 2
        return costs + 0.01 * collaboration + 1e-4 * decay

    cost = torch.compile(total_cost) if compiled else total_cost

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            cost(x, y).backward()
            optimizer.step()

    return run
