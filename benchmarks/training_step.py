"""Seconds a training step of {ST, M} takes, against Keras's stock layers and PyTorch.

    python benchmarks/training_step.py [--rounds N] [--steps N] [--json FILE]
        [--variants stock bare ...] [--cores 1,2]

On random images of 32x32x3 in batches of 64, in one process and in turn:

- `stock`: our `fit` with `keras.layers.BatchNormalization`, float32;
- `bare`: a bare `tf.function` of the step's mathematics, our layers, float32;
- `float32`, `bfloat16`: our `fit`, in each precision;
- `torch ...`: the same ensemble in PyTorch, channels last, as it is and through
  `torch.compile`, in each precision; where the extra `bench` is installed;

first on one core (one thread, pinned), then on two. Where there is a GPU, on that, and

- `float32` is computed in TF32, by TensorFlow and by PyTorch;
- `fit` takes blocks of `--steps` steps, of images that lie on the GPU;
- `convolutions`: as `bfloat16`, without matrix products of patches;
- `patches`: as `float32`, with matrix products of patches;
- PyTorch's steps are also CUDA graphs that are replayed.

Ratios are medians over the rounds of the ratio to `stock`, and to PyTorch's fastest, in
the same round, since the machine's speed changes. Beside them: the part of the speed of
a large float32 matrix product on the same cores that the convolutions' operations
reach. TF_ENABLE_ONEDNN_OPTS=0 before the command measures TensorFlow without oneDNN.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import math
import os
import pathlib
import statistics
import sys
import time
from unittest import mock

import before_tensorflow  # noqa: F401
import keras
import tensorflow as tf
from fresh import measured
from overhead import bare_step, load

from collaborative.data import batches
from collaborative.experiments.config import ExperimentConfig
from collaborative.nn import fast_paths
from collaborative.system import environment, libraries
from collaborative.training import building

VARIANTS = ("stock", "bare", "float32", "bfloat16")
ON_A_GPU = ("patches", "convolutions")
PRECISIONS = {"bfloat16": "bfloat16", "convolutions": "bfloat16"}  # else float32
TORCH_VARIANTS = {
    f"torch {precision}{' compiled' * compiled}{' graph' * graph}": {
        "bfloat16": precision == "bfloat16",
        "compiled": compiled,
        "graph": graph,
    }
    for precision in ("float32", "bfloat16")
    for compiled in (False, True)
    for graph in (False, True)
}


def operations(model):
    """Multiplications and additions of the convolutions in a step, an image.

    Forward once, backward twice (gradients of the input and of the kernel), but for the
    first convolution of a member, whose input needs no gradient.
    """
    total = 0
    for member in model.members:
        convolutions = [x for x in member.layers if isinstance(x, keras.layers.Conv2D)]
        for index, layer in enumerate(convolutions):
            places = math.prod(layer.output.shape[1:3])
            weights = math.prod(layer.kernel.shape)
            total += (3 if index else 2) * 2 * places * weights
    return total


def matrix_product_speed(size=2048, repeats=5):
    """Operations a second of a large float32 matrix product."""
    matrix = tf.random.normal((size, size), seed=0)
    product = tf.function(tf.matmul)
    product(matrix, matrix).numpy()
    start = time.perf_counter()
    for _ in range(repeats):
        result = product(matrix, matrix)
    result.numpy()
    return 2 * size**3 * repeats / (time.perf_counter() - start)


def settings(variant):
    """The experiment of a variant."""
    return ExperimentConfig("cifar10", precision=PRECISIONS.get(variant, "float32"))


def replaced(variant):
    """In its block, models are made and traced of the layers that a variant has."""
    if variant == "stock":
        classes = {fast.__name__: stock for fast, stock in fast_paths.STOCK.items()}
        return mock.patch.multiple(fast_paths, **classes)
    if variant in ON_A_GPU:
        pay = variant == "patches"
        return mock.patch.object(fast_paths, "pay_as_patches", lambda dtype: pay)
    return contextlib.nullcontext()


def stepper(variant, dataset, steps):
    """The model of a variant, and a function that runs so many steps of it."""
    config = settings(variant)
    with replaced(variant):
        model = building.build_model(config, dataset, steps=10_000)
    if variant == "bare":
        step = bare_step(model)
        images, labels = (
            tf.constant(part[:64])
            for part in (dataset.train.images, dataset.train.labels)
        )

        def run():
            for _ in range(steps):
                total = step(images, labels)
            total.numpy()
    else:
        made = batches.TrainingBatches(dataset.train, 64, seed=0)
        data, calls = made.fed(0, 1), steps
        if variant != "stock" and building.steps_of_a_block(config, dataset) > 1:
            model.hold(made.gatherer(), steps)
            data, calls = made.blocks(0, 1, steps), 1

        def run():
            with replaced(variant):  # the first call traces
                model.fit(data, steps_per_epoch=calls, shuffle=False, verbose=0)

    return model, run


def torch_steppers(variants, dataset, steps, cores):
    """The functions that run so many steps of PyTorch's variants, if it is there."""
    asked = TORCH_VARIANTS.keys() & set(variants)
    if not asked or importlib.util.find_spec("torch") is None:
        return {}
    import pytorch_step
    import torch

    torch.set_num_threads(cores)
    batch = dataset.train.images[:64], dataset.train.labels[:64]
    return {
        variant: functools.partial(pytorch_step.stepper(*batch, **given), steps)
        for variant, given in TORCH_VARIANTS.items()
        if variant in asked
    }


def measure(variants, rounds, steps, cores):
    """Seconds a step of each variant and round, in this process; a dict for JSON."""
    dataset = load()
    model, stock = stepper("stock", dataset, steps)
    steppers = {"stock": stock}
    for variant in (*VARIANTS[1:], *ON_A_GPU):
        if variant in variants:
            steppers[variant] = stepper(variant, dataset, steps)[1]
    steppers |= torch_steppers(variants, dataset, steps, cores)
    seconds = {variant: [] for variant in steppers}
    products = []
    for timed in [False] + [True] * rounds:
        products.append(matrix_product_speed())
        for variant, run in steppers.items():
            start = time.perf_counter()
            run()
            if timed:
                seconds[variant].append((time.perf_counter() - start) / steps)
    return {
        **environment.describe(),
        "seconds": seconds,
        "operations": 64 * operations(model),
        "matrix_product": statistics.median(products),
    }


def table(results):
    """The results of both numbers of cores, or of a GPU, as text."""
    lines = [
        f"{'variant':30}  ms a step      (min - max)  to stock  to PyTorch  of matmul"
    ]
    for where, result in results.items():
        lines.append(f"{where}, {result['device']}")
        seconds = result["seconds"]
        torch = [values for name, values in seconds.items() if name in TORCH_VARIANTS]
        best = min(torch, key=statistics.median, default=None)
        for variant, values in seconds.items():
            middle = statistics.median(values)
            part = result["operations"] / middle / result["matrix_product"]
            lines.append(
                f"{variant:30}  {1e3 * middle:9.2f}  "
                f"({1e3 * min(values):6.2f} - {1e3 * max(values):6.2f})  "
                f"{_ratio(values, seconds['stock'])}  "
                f"{_ratio(values, best):>10}  {part:9.2f}"
            )
    return "\n".join(lines)


def _ratio(values, others):
    if others is None:
        return ""
    middle = statistics.median(a / b for a, b in zip(values, others, strict=True))
    return f"{middle:8.2f}"


def variants_here():
    """What this machine can measure."""
    if environment.has_gpu():
        return (*VARIANTS, *ON_A_GPU, *TORCH_VARIANTS)
    graphs = {name for name, given in TORCH_VARIANTS.items() if given["graph"]}
    return (*VARIANTS, *(name for name in TORCH_VARIANTS if name not in graphs))


def _above_zero(text):
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def parse():
    """The command line."""
    names = variants_here()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=_above_zero, default=7)
    steps = 400 if environment.has_gpu() else 20
    parser.add_argument("--steps", type=_above_zero, default=steps)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument(
        "--variants", nargs="+", choices=names, default=names, help="besides stock"
    )
    parser.add_argument("--cores", default="1,2", help="how many, in turn")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Measures on a GPU, or with one core and with two, each in its own process."""
    arguments = parse()
    if arguments.here:
        tf.config.threading.set_intra_op_parallelism_threads(arguments.here)
        rounds, steps = arguments.rounds, arguments.steps
        print(json.dumps(measure(arguments.variants, rounds, steps, arguments.here)))
        return
    libraries.switch_onednn_on()  # in the processes that measure, as in the commands
    available = sorted(os.sched_getaffinity(0))
    counts = {min(int(n), len(available)) for n in arguments.cores.split(",")}
    if environment.has_gpu():
        counts = {len(available)}
        # TensorFlow would take all memory, and PyTorch wants some.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    results = {}
    for cores in sorted(counts):
        pin = functools.partial(os.sched_setaffinity, 0, available[:cores])
        command = [*sys.argv, "--here", cores]
        results[f"cores: {cores}"] = measured(command, preexec_fn=pin)
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
