"""What training costs beside the training step itself.

    python benchmarks/overhead.py [--data_dir DIR] [--images N] [--steps N]

On CIFAR-10 (from DIR; where none is given, N random images of its shape, by default as
many as it has) it prints

- seconds a step of {ST, M}: of `fit` with our feeding, metrics, logging and progress,
  and of a bare `tf.function` of the same mathematics on one batch, in turn, and their
  ratio. Target: at most 1.05;
- seconds of what an epoch of the real run spends outside its steps: evaluation, logs,
  curves and checkpoint, and their part of an epoch. Target: at most 5 %;
- the largest memory of the process. Target: below 3 GiB.
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from collaborative import datasets, logger
from collaborative.data import batches
from collaborative.experiments.config import ExperimentConfig
from collaborative.system import environment
from collaborative.training import building, progress

ROUNDS = 5


def bare_step(model):
    """The mathematics of `EnsembleModel.train_step` and nothing else, compiled."""

    @tf.function(jit_compile=model.jit_compile)
    def step(images, labels):
        with tf.GradientTape() as tape:
            g1, g2 = model.member_logits(images, training=True)
            costs = [
                tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, g)
                )
                for g in (g1, g2)
            ]
            collab = tf.reduce_mean(tf.reduce_sum((g1 - g2) ** 2, axis=1))
            kernels = [
                v for v in model.trainable_variables if v.name.endswith("kernel")
            ]
            decay = model.weight_decay * tf.add_n([tf.nn.l2_loss(k) for k in kernels])
            total = tf.add_n(costs) + model.alpha * collab + decay
        gradients = tape.gradient(total, model.trainable_variables)
        model.optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return total

    return step


def load(data_dir=None, images=41_000):
    """CIFAR-10, or so many random images in its place, and a quarter for testing."""
    if data_dir:
        return datasets.load("cifar10", data_dir=data_dir)
    rng = np.random.default_rng(0)
    train, test, none = (
        datasets.Examples(
            rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8),
            rng.integers(0, 10, n),
        )
        for n in (images, images // 4, 0)
    )
    return datasets.Dataset("random", tuple("0123456789"), train, none, test)


class Timer(keras.callbacks.Callback):
    """Seconds of the last epoch: its training steps, its evaluation, all of it."""

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.steps = time.perf_counter() - self._started

    def on_test_end(self, logs=None):
        self.evaluation = time.perf_counter() - self._started - self.steps

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = time.perf_counter() - self._started


def measure_step(model, dataset, config, run_dir, steps):
    """Prints seconds a step of `fit` and of the bare step, in turn."""
    images = tf.constant(dataset.train.images[: config.batch_size])
    labels = tf.constant(dataset.train.labels[: config.batch_size])
    bare = bare_step(model)
    data = batches.TrainingBatches(dataset.train, config.batch_size, 0).fed(0, 1)
    log = logger.Logger(run_dir, config.to_json())
    log.on_epoch_end = lambda epoch, logs=None: None  # measured by measure_epoch
    seconds = {"fit": [], "bare": []}
    with progress.Progress(1) as bar:
        bar.on_epoch_end = lambda epoch, logs=None: None
        for timed in [False] + [True] * ROUNDS:
            start = time.perf_counter()
            for _ in range(steps):
                total = bare(images, labels)
            total.numpy()
            middle = time.perf_counter()
            model.fit(
                data, steps_per_epoch=steps, verbose=0, shuffle=False,
                callbacks=[log, bar],
            )  # fmt: skip
            end = time.perf_counter()
            if timed:
                seconds["bare"].append((middle - start) / steps)
                seconds["fit"].append((end - middle) / steps)
    for name, values in seconds.items():
        print(
            f"{name:5} {1e3 * statistics.median(values):8.1f} ms a step "
            f"({1e3 * min(values):.1f} to {1e3 * max(values):.1f})"
        )
    pairs = zip(seconds["fit"], seconds["bare"], strict=True)
    print(f"ratio {statistics.median(fit / bare for fit, bare in pairs):8.3f}")


def measure_epoch(model, dataset, config, run_dir):
    """Prints what an epoch spends outside its training steps, evaluation apart."""
    timer, log = Timer(), logger.Logger(run_dir, config.to_json())
    data = batches.TrainingBatches(dataset.train, config.batch_size, 0).fed(0, 2)
    steps = len(dataset.train) // config.batch_size
    model.fit(
        data, steps_per_epoch=steps, epochs=2, verbose=0, shuffle=False,
        validation_data=batches.eval_batches(dataset.test),
        callbacks=[log, timer],
    )  # fmt: skip
    parts = {"steps": timer.steps, "evaluation": timer.evaluation}
    parts["logs"] = timer.epoch - sum(parts.values())
    print(f"epoch      {timer.epoch:8.2f} s, of it")
    for name, value in parts.items():
        print(f"{name:10} {value:8.2f} s  {100 * value / timer.epoch:5.1f} %")


def main():
    """Runs both measurements in one process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir")
    parser.add_argument("--images", type=int, default=41_000)
    parser.add_argument("--steps", type=int, default=50)
    arguments = parser.parse_args()
    dataset = load(arguments.data_dir, arguments.images)
    config = ExperimentConfig("cifar10")
    model = building.build_model(config, dataset, steps=10_000)
    print(f"{dataset.name}, {environment.device()}")
    with tempfile.TemporaryDirectory() as run_dir:
        measure_step(model, dataset, config, run_dir, arguments.steps)
        measure_epoch(model, dataset, config, run_dir)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
