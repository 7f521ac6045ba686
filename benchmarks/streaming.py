"""What a step costs whose images lie on the disk, beside one with them in memory.

    python benchmarks/streaming.py [--data_dir DIR] [--dataset NAME] [--steps N]

In one process {ST, M} is trained by `fit` on the same batches from memory and from the
disk (`collaborative.data.decoded`) in turn, each time on so many steps. It prints
medians, least and most, the median ratio of neighbours (target: at most 1.1), the same
of the feeding alone, and by how much each way of reading grew the process.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time

import psutil

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from collaborative import datasets
from collaborative.data import batches
from collaborative.experiments.config import ExperimentConfig
from collaborative.training import building

WAYS = {"disk": True, "memory": False}


def in_turn(rounds, run, feeds, steps):
    """Milliseconds a step: of each way of reading a list, and the ratios."""
    taken = {way: [] for way in feeds}
    for number in range(rounds + 1):
        for way in sorted(feeds, reverse=bool(number % 2)):
            start = time.perf_counter()
            run(feeds[way])
            if number:  # the first builds graphs
                taken[way].append(1e3 * (time.perf_counter() - start) / steps)
    pairs = zip(taken["disk"], taken["memory"], strict=True)
    return taken, [disk / memory for disk, memory in pairs]


def show(what, taken, ratios):
    """Prints what `in_turn` measured."""
    for way, values in taken.items():
        print(
            f"{what} from {way:6} {statistics.median(values):9.3f} ms a step "
            f"({min(values):.3f} to {max(values):.3f})"
        )
    print(f"{what} ratio       {statistics.median(ratios):9.3f}")


def main(argv=None):
    """Measures the growth of the process, whole steps, and the feeding alone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args(argv)
    config = ExperimentConfig(args.dataset)
    process, loaded, feeds = psutil.Process(), {}, {}
    for way, stream in WAYS.items():
        before = process.memory_info().rss
        loaded[way] = datasets.load(args.dataset, data_dir=args.data_dir, stream=stream)
        batched = batches.TrainingBatches(
            loaded[way].train, config.batch_size, config.seed
        )
        feeds[way] = batched.fed(0, 10**6).take(args.steps)
        for _ in feeds[way]:
            pass
        grown = (process.memory_info().rss - before) / 2**20
        print(f"read from {way}: {grown:,.0f} MiB more in memory")
    model = building.build_model(config, loaded["memory"], args.steps)

    def fit(feed):
        model.fit(feed, verbose=0, shuffle=False)

    def feed_alone(feed):
        for _ in feed:
            pass

    show("step", *in_turn(args.rounds, fit, feeds, args.steps))
    show("feed", *in_turn(args.rounds, feed_alone, feeds, args.steps))


if __name__ == "__main__":
    main()
