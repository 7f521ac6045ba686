"""The networks and the total cost written again in PyTorch; needs the extra `bench`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from collaborative import resnet

RESNET20 = "resnet20"
_STAGES, _FILTERS, _BLOCKS = 3, 16, 3  # of ResNet-20
_MOMENTS = {"eps": 1e-3, "momentum": 0.01}  # of each batch normalization


def batch_norm(channels, scale=False):
    """Batch normalization with an offset, and with a scale if it has one."""
    layer = nn.BatchNorm2d(channels, **_MOMENTS)
    layer.weight.requires_grad_(scale)
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
    """Halves height and width, doubles the channels; as the paper's text has it."""

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


class PostActivated(nn.Module):
    """relu(x + BN(conv(relu(BN(conv(x)))))); where it halves, x without weights."""

    def __init__(self, channels, filters):
        super().__init__()
        self.added = filters - channels
        self.branch = nn.Sequential(
            nn.Conv2d(channels, filters, 3, 2 if self.added else 1, 1, bias=False),
            *(batch_norm(filters, scale=True), nn.ReLU()),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            batch_norm(filters, scale=True),
        )

    def forward(self, x):
        out = self.branch(x)
        if self.added:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.added))
        return functional.relu(x + out)


def network(name, num_classes=10):
    """The network of a preset, or ResNet-20, for images of three channels."""
    images = nn.BatchNorm2d(3, affine=False, **_MOMENTS)
    layers, channels = _resnet20() if name == RESNET20 else _preset(name)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    whole = nn.Sequential(images, *layers, *head)
    for kernel in kernels(whole):
        nn.init.kaiming_normal_(kernel, nonlinearity="relu")
    for layer in whole.modules():
        if getattr(layer, "bias", None) is not None:
            nn.init.zeros_(layer.bias)
    return whole


def _preset(name):
    """The layers of a network of the paper, and their last channels."""
    config = resnet.PRESETS[name]
    channels = config.filters
    layers = [nn.Conv2d(3, channels, 3, padding=1)]
    for brick in range(config.bricks):
        layers += [Block(channels) for _ in range(config.repetitions)]
        if brick < config.bricks - 1:
            layers.append(Reduction(channels))
            channels *= 2
    return layers, channels


def _resnet20():
    """The layers of ResNet-20, and their last channels."""
    channels = _FILTERS
    layers = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    layers += [batch_norm(channels, scale=True), nn.ReLU()]
    for stage in range(_STAGES):
        for _ in range(_BLOCKS):
            filters = _FILTERS * 2**stage
            layers.append(PostActivated(channels, filters))
            channels = filters
    return layers, channels


def trainable(*members):
    """The parameters that are learnt, a list."""
    return [p for member in members for p in member.parameters() if p.requires_grad]


def kernels(*members):
    """The parameters that weight decay is of, a list."""
    return [parameter for parameter in trainable(*members) if parameter.ndim > 1]


def squared_distance(g1, g2):
    """L2 of two members' logits, `[batch]`."""
    return ((g1 - g2) ** 2).sum(dim=1)


def mutual_learning(g1, g2):
    """KL of two members' logits, each the other's target, `[batch]`."""
    log1, log2 = functional.log_softmax(g1, 1), functional.log_softmax(g2, 1)
    pairs = ((log1, log2.detach()), (log2, log1.detach()))
    return sum((target.exp() * (target - log)).sum(dim=1) for log, target in pairs)


COSTS = {"L2": squared_distance, "KL": mutual_learning}


def total_cost(members, method, alpha, weight_decay, bfloat16=False, device="cpu"):
    """What two members minimise together, a function of images and labels.

    Args:
        members: two networks.
        method: of `COSTS`, or "Single".
        alpha, weight_decay: what it and half the squares of the kernels weigh.
        bfloat16: whether the layers compute under `torch.autocast`.
        device: where they do, "cpu" or "cuda".
    """
    decayed = kernels(*members)

    def cost(images, labels):
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            logits = [member(images.float()).float() for member in members]
        total = sum(functional.cross_entropy(g, labels) for g in logits)
        if method in COSTS:
            total = total + alpha * COSTS[method](*logits).mean()
        squares = sum((kernel**2).sum() for kernel in decayed)
        return total + weight_decay * squares / 2

    return cost
