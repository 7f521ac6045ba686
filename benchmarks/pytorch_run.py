"""An experiment on CIFAR-10 written again in PyTorch: networks, costs and training.

    python benchmarks/pytorch_run.py --method L2 --alpha 0.01 --data_dir DIR
    python benchmarks/pytorch_run.py --members resnet20,resnet20 --recipe cifar_sgd \\
        --method KL --alpha 1 --data_dir DIR

To tell what a method does from what our code does. The loading of the images, their
split, the networks' numbers and the settings are those of `run_experiments.py`; the
layers, costs and steps, initial weights, the order of the images, flips and crops are
its own. Flips and crops come with a recipe. It prints errors in % after each epoch, and
in the end one line of JSON. Training computes in bfloat16, testing in float32, on one
thread; it needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys

if importlib.util.find_spec("torch") is None:
    sys.exit("PyTorch is missing: python -m pip install -e '.[bench]'")

import before_tensorflow  # noqa: F401
import numpy as np
import torch
from pytorch_networks import COSTS, network, total_cost, trainable

from collaborative.experiments import recipes
from collaborative.experiments.config import ExperimentConfig
from collaborative.nn.optimization import SCHEDULES
from collaborative.system import environment

PADDING = 4  # pixels around an image that is cropped
OF_THE_COMMAND = ("members", "method", "alpha", "epochs", "truncate", "seed")


def parse(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir")
    parser.add_argument("--members", default="ST,M", help="two, by comma")
    parser.add_argument("--method", choices=("Single", *COSTS), default="Single")
    parser.add_argument("--alpha", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--truncate", type=int, default=10_000, help="training images")
    parser.add_argument("--seed", type=int, default=912)
    parser.add_argument("--recipe", choices=recipes.RECIPES)
    parser.add_argument(
        "--eager", action="store_true", help="without torch.compile, for a short try"
    )
    options = parser.parse_args(argv)
    apart = options.method == "Single"
    if options.alpha != 0 if apart else not options.alpha > 0:
        parser.error(
            f"--alpha is above 0 with {' and '.join(COSTS)}, and 0 with Single; "
            f"got {options.alpha} with {options.method}"
        )
    return options


def tensors(examples):
    """Images `[n, 3, height, width]`, channels last in memory, and labels `[n]`."""
    images = torch.from_numpy(np.asarray(examples.images)).permute(0, 3, 1, 2)
    return images, torch.from_numpy(np.asarray(examples.labels, np.int64))


def flipped_and_cropped(images, drawn):
    """Images `[n, 3, height, width]`, each of two flipped, each cropped where it is.

    Args:
        images: a tensor.
        drawn: a `torch.Generator`.
    """
    height, width = images.shape[2:]
    padded = torch.nn.functional.pad(images, [PADDING] * 4)
    flips = torch.rand(len(images), generator=drawn) < 0.5
    corners = torch.randint(2 * PADDING + 1, (len(images), 2), generator=drawn).tolist()
    for index, (top, left) in enumerate(corners):
        crop = padded[index, :, top : top + height, left : left + width]
        images[index] = crop.flip(2) if flips[index] else crop
    return images


def optimizer_of(config, members):
    """Adam or SGD as the settings say."""
    parameters = trainable(*members)
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.learning_rate, config.momentum, nesterov=True
        )
    return torch.optim.Adam(parameters, config.learning_rate, eps=1e-8, fused=True)


def learning_rate(config, done):
    """The learning rate after a part of training."""
    factor, parts = SCHEDULES[config.learning_rate_schedule]
    return config.learning_rate * factor ** sum(done >= part for part in parts)


@torch.no_grad()
def errors(members, images, labels):
    """Errors in % of each member and of the mean of their logits, a list."""
    for member in members:
        member.eval()
    parts = [
        torch.stack([member(part.float()) for member in members])
        for part in images.split(500)
    ]
    logits = torch.cat(parts, dim=1)
    for member in members:
        member.train()
    return [
        round(100 * float((given.argmax(1) != labels).double().mean()), 2)
        for given in (*logits, logits.mean(0))
    ]


def train(config, dataset, eager, say):
    """Trains two networks; errors in % of them and of their ensemble, by epoch."""
    torch.manual_seed(config.seed)
    drawn = torch.Generator().manual_seed(config.seed)
    members = [network(name, len(dataset.class_names)) for name in config.members]
    for member in members:
        member.to(memory_format=torch.channels_last)
    alpha, decay = config.alpha, config.weight_decay
    cost = total_cost(members, config.method, alpha, decay, bfloat16=True)
    cost = cost if eager else torch.compile(cost)
    optimizer = optimizer_of(config, members)
    (images, labels), test = tensors(dataset.train), tensors(dataset.test)
    steps = len(images) // config.batch_size
    curve = []
    for epoch in range(config.epochs):
        order = torch.randperm(len(images), generator=drawn)
        for step in range(steps):
            chosen = order[step * config.batch_size :][: config.batch_size]
            batch = images[chosen]
            if config.augment:
                batch = flipped_and_cropped(batch, drawn)
            done = (epoch * steps + step) / (config.epochs * steps)
            optimizer.param_groups[0]["lr"] = learning_rate(config, done)
            optimizer.zero_grad()
            cost(batch, labels[chosen]).backward()
            optimizer.step()
        curve.append(errors(members, *test))
        say(f"epoch {epoch + 1}: {curve[-1]}")
    return curve


def main(argv=None):
    """Trains, and prints what came out."""
    options = parse(argv)
    given = {name: getattr(options, name) for name in OF_THE_COMMAND}
    given["members"] = tuple(options.members.split(","))
    config = ExperimentConfig("cifar10", **given | recipes.find(options.recipe))
    torch.set_num_threads(1)
    dataset = config.load_dataset(data_dir=options.data_dir)
    curve = train(config, dataset, options.eager, lambda line: print(line, flush=True))
    about = {"recipe": options.recipe, "torch": torch.__version__}
    about |= environment.describe()
    print(json.dumps(given | about | {"errors": curve}))


if __name__ == "__main__":
    main()
