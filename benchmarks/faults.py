"""Kills runs at random moments, goes on with them, and looks for what was lost.

    python benchmarks/faults.py [--kills N] [--epochs N] [--seed N]

A short run of {ST, ST} on digits is made once without a fault and once more under
SIGKILL: at moments drawn at random, from the start of the process through its first
epochs, whose ends and writes take most of such a run's time. When a run has come to its
end in spite of that, the next seed follows, until N kills are done. Reported are

- kills, and how many of them came while files were being written;
- epochs lost: logged before a kill, and gone or trained again after it;
- damaged files: that had their final name and could not be read;
- differences: statistics or weights of a finished run that are not, bit for bit, those
  of the run without faults.

All but the first line must be 0; else the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import keras
import numpy as np

from collaborative import models as models  # so that Keras can load one
from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import pools, reader, standings

LONGEST_LIFE = 6  # seconds after the first sign of training


def start(config, log_dir):
    """Starts a run; its output goes to `output.log` in its directory."""
    run_dir = config.run_dir(log_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    options = {"log_dir": log_dir, "threads": 1}
    with open(run_dir / "output.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(
            pools.command(config, options), stdout=log, stderr=subprocess.STDOUT
        )


def live(process, run_dir, rng):
    """Lets a process run for a random while, then kills it if it has not ended.

    Returns:
        Whether it was killed.
    """
    log = run_dir / "output.log"
    if rng.random() < 0.2:  # dies young: importing, loading, restoring
        deadline = time.monotonic() + rng.uniform(0, 12)
    else:
        while process.poll() is None and "epoch " not in log.read_text():
            time.sleep(0.02)
        deadline = time.monotonic() + rng.uniform(0, LONGEST_LIFE)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if process.poll() is not None:
        return False
    process.kill()
    process.wait()
    return True


def damaged(run_dir):
    """Files that have their final names and cannot be read."""
    bad = []
    for path in run_dir.rglob("*"):
        if path.name.startswith(".tmp-") or not path.is_file():
            continue
        try:
            if path.name == "stats.pkl":
                reader.read_statistics(path)
            elif path.name == "config.json":
                json.loads(path.read_text())
            elif path.suffix == ".npz":
                with np.load(path) as archive:
                    [archive[name] for name in archive.files]
            elif path.suffix == ".keras":
                if zipfile.ZipFile(path).testzip():
                    bad.append(path)
            elif path.suffix == ".png":
                keras.utils.load_img(path)
        except Exception as error:  # whatever it is, the file is damaged
            bad.append(f"{path}: {error}")
    return bad


def differences(run_dir, whole_dir):
    """What is not the same in two finished runs: list of names."""
    one, other = (
        reader.read_statistics(path / "stats.pkl") for path in (run_dir, whole_dir)
    )
    found = [
        f"{name}/{statistic}"
        for name, curves in [*one["models"].items(), ("totals", one["totals"])]
        for statistic, values in curves.items()
        if not np.array_equal(
            values, (other["models"] | {"totals": other["totals"]})[name][statistic]
        )
    ]
    weights = [
        keras.models.load_model(path / "model.keras", compile=False).get_weights()
        for path in (run_dir, whole_dir)
    ]
    same = [np.array_equal(a, b) for a, b in zip(*weights, strict=True)]
    return found + [f"weight {i}" for i, equal in enumerate(same) if not equal]


def survive(config, directory, rng, kills, report):
    """Brings one run to its end under kills; adds to the report."""
    whole_dir, log_dir = directory / "whole", directory / "killed"
    if start(config, whole_dir).wait():
        sys.exit("the run without faults failed: " + str(config.run_dir(whole_dir)))
    run_dir = config.run_dir(log_dir)
    while standings.standing(config, log_dir).state != "finished":
        before = standings.epochs_logged(run_dir)
        process = start(config, log_dir)
        if report["kills"] >= kills:
            if process.wait():
                sys.exit((run_dir / "output.log").read_text())
        elif live(process, run_dir, rng):
            report["kills"] += 1
            report["in a write"] += any(run_dir.rglob(".tmp-*"))
        elif process.returncode:
            sys.exit((run_dir / "output.log").read_text())
        output = (run_dir / "output.log").read_text()
        resumed = re.search(r"goes on after epoch (\d+)", output)
        if resumed or "epoch 1/" in output:
            first = int(resumed[1]) if resumed else 0
            report["epochs lost"] += max(0, before - first)
        report["damaged files"] += len(damaged(run_dir))
    report["differences"] += len(
        differences(config.run_dir(log_dir), config.run_dir(whole_dir))
    )
    report["runs"] += 1


def main():
    """Kills, and reports; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=80, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    zeros = ("epochs lost", "damaged files", "differences")
    report = dict.fromkeys(("runs", "kills", "in a write", *zeros), 0)
    seed = 0
    while report["kills"] < arguments.kills:
        seed += 1
        config = ExperimentConfig(
            "digits",
            members=("ST", "ST"),
            truncate=128,
            epochs=arguments.epochs,
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as directory:
            survive(config, pathlib.Path(directory), rng, arguments.kills, report)
        print(json.dumps(report), flush=True)
    return int(any(report[name] for name in zeros))


if __name__ == "__main__":
    sys.exit(main())
