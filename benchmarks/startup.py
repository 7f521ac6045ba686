"""What passes between the command and its first training step.

    python benchmarks/startup.py [--rounds N] [--dataset NAME] [--data_dir DIR]

The parts, each measured in a fresh process (medians of N): the start of Python and the
reading of the flags (`--help`, too), importing TensorFlow, importing the rest, loading
the images, building the model, the first step, which traces and compiles it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
import time

from fresh import measured, run

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def parts(dataset, data_dir):
    """Seconds of each part of the start in this process, in order."""
    times = [("", time.perf_counter())]

    def done(name):
        times.append((name, time.perf_counter()))

    from collaborative.experiments.config import ExperimentConfig

    config = ExperimentConfig(dataset)
    done("flags and settings")
    from collaborative.system import streams

    streams.start_tensorflow()
    done("import TensorFlow")
    from collaborative import datasets
    from collaborative.data import batches
    from collaborative.training import building

    done("import the rest")
    data = datasets.load(dataset, data_dir=data_dir)
    done("load the images")
    model = building.build_model(config, data, steps=10_000)
    done("build the model")
    steps = batches.TrainingBatches(data.train, config.batch_size, 0).fed(0, 1)
    model.fit(steps, steps_per_epoch=1, shuffle=False, verbose=0)
    done("first step")
    pairs = zip(times[1:], times, strict=False)
    return {name: end - start for (name, end), (_, start) in pairs}


def seconds(action, command):
    """Seconds that an action of `fresh` on a command takes, and what it gives."""
    start = time.perf_counter()
    result = action(command)
    return time.perf_counter() - start, result


def main():
    """Measures in fresh processes and prints the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data_dir")
    parser.add_argument("--parts", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.parts:
        print(json.dumps(parts(arguments.dataset, arguments.data_dir)))
        return
    rounds = []
    for _ in range(arguments.rounds):
        help_seconds, _ = seconds(run, [ROOT / "run_experiments.py", "--help"])
        whole, inside = seconds(measured, [*sys.argv, "--parts"])
        start = {"Python itself": whole - sum(inside.values())}
        rounds.append({"--help": help_seconds} | start | inside | {"whole": whole})
    for name in rounds[0]:
        print(f"{name:20} {statistics.median(r[name] for r in rounds):7.2f} s")


if __name__ == "__main__":
    main()
