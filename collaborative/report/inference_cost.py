"""What the networks cost to use: parameters, operations and measured time.

For observation 2 of section 6.1, "20% as many parameters and a threefold speedup".
"""

from __future__ import annotations

import statistics
import time

from etils import epy

from collaborative import resnet

with epy.lazy_imports():
    import tensorflow as tf

    from collaborative import models
    from collaborative.system import environment

INPUT_SHAPE = (32, 32, 3)  # of CIFAR-10
MEMBERS = ("ST", "M")
BATCH_SIZES = (1, 64)


def size(config, num_classes=10):
    """What a network of the paper is made of, by its numbers: nothing is built.

    Args:
        config: a `resnet.ResNetConfig`.
        num_classes: how many logits.

    Returns:
        Dict of `parameters`, the trainable ones, and `operations`, multiplications and
        additions for one image of INPUT_SHAPE: two for each weight of a convolution or
        a linear map and place; others, which are few beside them, count none.
    """
    kernels = list(config.kernels(INPUT_SHAPE, num_classes))
    biases = config.filters + num_classes + sum(config.norms())
    return {
        "parameters": sum(weights for weights, _ in kernels) + biases,
        "operations": sum(2 * weights * places for weights, places in kernels),
    }


def sizes():
    """`size` of ST, of M and of their ensemble, by name."""
    found = {name: size(resnet.PRESETS[name]) for name in MEMBERS}
    found["ensemble"] = {
        key: sum(found[name][key] for name in MEMBERS) for key in found["ST"]
    }
    return found


def measure(rounds=11):
    """Parameters, operations and latency of ST, M and their ensemble.

    Latency is the median over rounds, in each of which all are run in turn, with
    TensorFlow's operations on one thread where it has not started its threads before.

    Returns:
        Dict from "ST", "M", "ensemble" to a dict: parameters (trainable), operations
        (of one image), ms_1 and ms_64 (milliseconds an image, in batches of 1 and of
        64), and "setting", what it was measured on.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # they have been started
        pass
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    members = {
        name: resnet.build_resnet(resnet.PRESETS[name], INPUT_SHAPE, seed=0)
        for name in MEMBERS
    }
    costs = sizes()
    predictors = {
        name: _predictor(models.SingleModel(member)) for name, member in members.items()
    }
    predictors["ensemble"] = _predictor(models.EnsembleModel(list(members.values())))
    for batch_size in BATCH_SIZES:
        times = _latencies(predictors, batch_size, rounds)
        for name, milliseconds in times.items():
            costs[name][f"ms_{batch_size}"] = milliseconds
    height, width, channels = INPUT_SHAPE
    costs["setting"] = (
        f"{height}x{width}x{channels} images, float32, "
        f"{f'{threads} thread' if threads == 1 else 'all threads'}, "
        f"median of {rounds} rounds, TensorFlow {tf.__version__}, "
        f"{environment.device()}"
    )
    return costs


def _predictor(model):
    """A compiled function from images to a member's or the ensemble's logits."""

    @tf.function
    def predict(images):
        return model.predictor_logits(images)[-1]

    return predict


def _latencies(predictors, batch_size, rounds):
    """Median milliseconds an image of each predictor."""
    images = tf.random.uniform((batch_size, *INPUT_SHAPE), maxval=255.0, seed=0)
    calls = 10 if batch_size == 1 else 2
    times = {name: [] for name in predictors}
    for timed in [False] + [True] * rounds:  # the first call traces
        for name, predict in predictors.items():
            start = time.perf_counter()
            for _ in range(calls):
                predict(images).numpy()
            if timed:
                times[name].append((time.perf_counter() - start) / calls / batch_size)
    return {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
