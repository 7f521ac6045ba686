"""How time and memory grow with the ensemble, the batch, the depth and the data.

    python benchmarks/growth.py [--parts members batch ...] [--points N]
        [--steps N] [--output DIR]

One core, one thread; each point in a process of its own; DIR/growth.json and
DIR/growth.png. In random images of 32x32x3:

- `members`: seconds a step and peak memory of ensembles of 1, 2, 4 and 8 ST;
- `batch`: the same of {ST, M} in batches of 16 to 256;
- `depth`: the same of ST, M and D, each alone;
- `data`: for archives of notMNIST's layout with an eighth to all of its 500,000 images
  (of noise; prepared in a temporary folder, takes half an hour): seconds to prepare
  and to load, peak memory, seconds from the loaded images to the end of the first step;
- `again`: memory after each of six short runs in one process.

None may grow faster than linearly, and `again` not at all: the part of the last run
that the first three had not taken is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pathlib
import resource
import sys
import tarfile
import tempfile
import time

import numpy as np
from fresh import measured

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

POINTS = {
    "members": [{"members": ["ST"] * n} for n in (1, 2, 4, 8)],
    "batch": [
        {"members": ["ST", "M"], "batch_size": n} for n in (16, 32, 64, 128, 256)
    ],
    "depth": [{"members": [name]} for name in ("ST", "M", "D")],
    "data": [{"images": n} for n in (62_500, 125_000, 250_000, 500_000)],
    "again": [{"runs": 6}],
}


def measure_step(members, batch_size=64, steps=20):
    """Seconds a step and peak memory of an ensemble."""
    from overhead import load

    from collaborative.data import batches
    from collaborative.experiments.config import ExperimentConfig
    from collaborative.training import building

    dataset = load()
    config = ExperimentConfig("cifar10", members=tuple(members), batch_size=batch_size)
    model = building.build_model(config, dataset, steps=10_000)
    data = batches.TrainingBatches(dataset.train, batch_size, 0).fed(0, 1)

    def run():
        start = time.perf_counter()
        model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
        return (time.perf_counter() - start) / steps

    run()
    return {"seconds a step": float(np.median([run() for _ in range(5)]))}


def measure_data(images):
    """Seconds to prepare, to load and to the first step, and peak memory."""
    from collaborative import datasets
    from collaborative.data import batches
    from collaborative.experiments.config import ExperimentConfig
    from collaborative.training import building

    with tempfile.TemporaryDirectory() as directory:
        write_archive(pathlib.Path(directory, "notMNIST_large.tar.gz"), images // 10)
        write_archive(pathlib.Path(directory, "notMNIST_small.tar.gz"), 1_000)
        seconds = []
        for _ in range(2):  # prepares and loads; loads
            start = time.perf_counter()
            dataset = datasets.load(
                "notmnist", data_dir=directory, manual_dir=directory
            )
            seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        config = ExperimentConfig("notmnist")
        model = building.build_model(config, dataset, steps=10_000)
        data = batches.TrainingBatches(dataset.train, 64, 0).fed(0, 1)
        model.fit(data, steps_per_epoch=1, shuffle=False, verbose=0)
    return {
        "seconds to prepare": seconds[0] - seconds[1],
        "seconds to load": seconds[1],
        "seconds to the first step": time.perf_counter() - start,
    }


def write_archive(path, per_class):
    """An archive in notMNIST's layout: a thousand different noises, over and over."""
    import tensorflow as tf

    noise = np.random.default_rng(0).integers(0, 256, (1_000, 28, 28, 1), np.uint8)
    pictures = [tf.io.encode_png(image).numpy() for image in noise]
    folder = path.name.removesuffix(".tar.gz")
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for index in range(10 * per_class):
            picture = pictures[index % 1_000]
            letter = "ABCDEFGHIJ"[index % 10]
            member = tarfile.TarInfo(f"{folder}/{letter}/{index}.png")
            member.size = len(picture)
            archive.addfile(member, io.BytesIO(picture))


def measure_again(runs):
    """Memory in GiB after each of so many runs in this process."""
    from collaborative import datasets
    from collaborative.experiments.config import ExperimentConfig
    from collaborative.training import train

    dataset = datasets.load("digits", truncate=256)
    memory = []
    for seed in range(runs):
        config = ExperimentConfig("digits", epochs=2, truncate=256, seed=seed)
        with tempfile.TemporaryDirectory() as log_dir:
            train.train(config, dataset, log_dir)
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        memory.append(pages * resource.getpagesize() / 2**30)
    return {"GiB after each run": memory}


def measure(point, steps):
    """Measures one point in this process: dict of numbers."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    kind = {"images": measure_data, "runs": measure_again}.get(next(iter(point)))
    result = kind(**point) if kind else measure_step(**point, steps=steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return result | {"peak GiB": peak}


def size(part, point):
    """What a point of a part stands at on the axis: a number."""
    from collaborative.resnet import PRESETS

    if part == "members":
        return len(point["members"])
    if part == "depth":
        return PRESETS[point["members"][0]].convolutions
    return point["batch_size"] if part == "batch" else point["images"] / 1_000


def draw(results, path):
    """Draws each part's numbers against its size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    labels = {
        "members": "members, each ST",
        "batch": "images a batch, {ST, M}",
        "depth": "convolutions of ST, M, D",
        "data": "thousand training images",
    }
    shown = [part for part in labels if part in results]
    figure, axes = plt.subplots(
        2, len(shown), figsize=(3.2 * len(shown), 5), squeeze=False, sharex="col"
    )
    for (top, bottom), part in zip(axes.T, shown, strict=True):
        sizes = [size(part, point) for point, _ in results[part]]
        for name in results[part][0][1]:
            axis = bottom if name == "peak GiB" else top
            axis.plot(sizes, [n[name] for _, n in results[part]], "o-", label=name)
        for axis in (top, bottom):
            axis.set(xlim=(0, None), ylim=(0, None))
            axis.legend(fontsize=8)
        bottom.set_xlabel(labels[part])
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=POINTS, default=[*POINTS])
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("growth"))
    parser.add_argument("--points", type=int, help="only so many of each part")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Measures each point in a process of its own."""
    arguments = parse()
    if arguments.point:
        print(json.dumps(measure(arguments.point, arguments.steps)))
        return
    arguments.output.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    results = {}
    for part in arguments.parts:
        results[part] = []
        for point in POINTS[part][: arguments.points]:
            chosen = ["--point", json.dumps(point), "--steps", arguments.steps]
            numbers = measured([__file__, *chosen])
            results[part].append((point, numbers))
            print(f"{part} {point}: {numbers}", flush=True)
    (arguments.output / "growth.json").write_text(json.dumps(results, indent=1) + "\n")
    if results.keys() - {"again"}:
        draw(results, arguments.output / "growth.png")
    if "again" in results:
        memory = results["again"][0][1]["GiB after each run"]
        print(f"grown from run 3 to {len(memory)}: {memory[-1] / memory[2] - 1:.1%}")


if __name__ == "__main__":
    main()
