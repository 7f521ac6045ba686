"""LiteRT and ONNX exports on an emulated aarch64 processor, beside the one at hand.

    python benchmarks/aarch64.py DIR --set_up
    python benchmarks/aarch64.py DIR --runs logs/digits/ST-M/L2_0.01/seed_912 [RUN ...]

The first puts Debian's arm64 Python with the runtimes into DIR: apt fetches and dpkg
unpacks packages there, pip the wheels; nothing is installed and nobody need be root.
It wants Debian, and of it the package qemu-user, which runs that Python. The runtimes'
versions are those that are installed here.

The second writes the members of runs in each kind of number, runs them on test images
on both sides, and prints a table: by how much an output differs at most, in how many
images one does, and how many answers change. `tests/deployment/test_aarch64.py` does so
with one network where the environment variable AARCH64 names DIR.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

QEMU = "qemu-aarch64"
# With dot products of 8-bit integers, as phones since 2018 have them, and without, as a
# Raspberry Pi 4.
PROCESSORS = ("cortex-a76", "cortex-a72")
IMAGES = 200
# Format and kind of number, see `formats.QUANTIZABLE`.
CASES = (
    *(("litert", kind) for kind in (None, "float16", "int8")),
    *(("onnx", kind) for kind in (None, "int8", "uint8")),
)
_RUNTIMES = ("ai-edge-litert", "numpy", "onnxruntime")
_PLATFORMS = ("manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
# The runtimes ask these files for the processor, and QEMU takes them before this
# machine's, of another kind, by which the runtimes end in a segmentation fault. What it
# can compute they ask QEMU itself.
_PROCESSOR_FILES = {
    "proc/cpuinfo": """\
processor\t: 0
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
""",
    "sys/devices/system/cpu/possible": "0\n",
    "sys/devices/system/cpu/present": "0\n",
}
_RUN = """
import os, sys
import numpy as np
folder, images, *artifacts = sys.argv[1:]
sys.path.insert(0, folder)
import runtimes
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])  # threads wait by spinning
images = np.load(images)
for artifact in artifacts:
    function = runtimes.load(artifact.rpartition(".")[2], artifact)
    np.save(artifact + ".npy", runtimes.run_in_batches(function, images))
"""


def set_up(directory):
    """Puts an arm64 Python and the runtimes into a directory."""
    directory = pathlib.Path(directory).resolve()
    root = directory / "root"
    for package in _fetched(directory / "apt", "python3", "libstdc++6"):
        _call("dpkg-deb", "--extract", package, root)
    for name, content in _PROCESSOR_FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    version = _python(directory).name.removeprefix("python")
    _call(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"),
        *("--only-binary=:all:", "--target", directory / "site"),
        *(f"--python-version={version}", *(f"--platform={p}" for p in _PLATFORMS)),
        *(f"{name}=={importlib.metadata.version(name)}" for name in _RUNTIMES),
    )


def _fetched(directory, *names):
    """Files of arm64 packages and what they need, by apt with a state of its own."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    status = directory / "status"
    status.touch()  # nothing is installed
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Install-Recommends": "false",
        "Dir::State": directory / "state",
        "Dir::State::status": status,
        "Dir::Cache": directory / "cache",
    }
    options = [word for k, v in settings.items() for word in ("-o", f"{k}={v}")]
    _call("apt-get", *options, "update")
    _call("apt-get", *options, "install", "--download-only", "--yes", *names)
    return sorted(directory.glob("cache/archives/*.deb"))


def _call(*command):
    subprocess.run(list(map(str, command)), check=True)


def _python(directory):
    """The arm64 Python itself, not a link to it."""
    return (pathlib.Path(directory) / "root/usr/bin/python3").resolve()


def is_there(directory):
    """Whether this can run what `set_up` put into a directory; None: no directory."""
    return bool(directory and shutil.which(QEMU) and _python(directory).is_file())


def outputs(directory, processor, artifacts, images):
    """What artifacts give, run by `runtimes.py` without the rest of this project.

    Args:
        directory: of `set_up`.
        processor: one that QEMU emulates, or None for the one at hand.
        artifacts: files whose endings are their formats, "litert" or "onnx".
        images: `[n, height, width, channels]`.

    Returns:
        List of outputs `[n, classes]`.
    """
    from collaborative.deployment import runtimes

    command = [sys.executable]
    if processor is not None:
        directory = pathlib.Path(directory).resolve()
        paths = f"PYTHONPATH={directory / 'site'}"
        emulator = [QEMU, "-cpu", processor, "-L", directory / "root", "-E", paths]
        command = [*emulator, _python(directory)]
    with tempfile.TemporaryDirectory() as folder:
        given = pathlib.Path(folder, "images.npy")
        np.save(given, images)
        command += ["-c", _RUN, pathlib.Path(runtimes.__file__).parent, given]
        command = list(map(str, [*command, *artifacts]))
        process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        sys.exit(f"{processor or 'this processor'}: {process.stderr}")
    return [np.load(f"{artifact}.npy") for artifact in artifacts]


def compared(directory, plain, dataset):
    """How far emulated processors' outputs are from those of the one at hand.

    Args:
        directory: of `set_up`.
        plain: a plain model, which is written in each of CASES, with integers as
            `export.py` calibrates them.
        dataset: `datasets.Dataset`, whose first test images are taken.

    Returns:
        Dict from each of CASES to a dict from each of PROCESSORS to what
        `verification.moved` gives, and `moved`, the images of which an output differs.
    """
    from collaborative.deployment import formats, verification

    calibration = dataset.train.images[: formats.CALIBRATION_IMAGES]
    images = dataset.test.images[:IMAGES]
    found = {case: {} for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        artifacts = [pathlib.Path(folder, f"{kind}.{form}") for form, kind in CASES]
        for artifact, (form, kind) in zip(artifacts, CASES, strict=True):
            formats.write(plain, artifact, form, kind, calibration)
        here = outputs(directory, None, artifacts, images)
        for processor in PROCESSORS:
            there = outputs(directory, processor, artifacts, images)
            for case, one, other in zip(CASES, there, here, strict=True):
                differ = int((one != other).any(axis=1).sum())
                moved = verification.moved(one, other)
                found[case][processor] = moved | {"moved": differ}
    return found


def rows(directory, run_dir, data_dir):
    """Cells of the table for the members of a run."""
    from collaborative import models
    from collaborative.deployment import plain_models
    from collaborative.runs.run import load_data, read_finished

    run = read_finished(run_dir)
    dataset = load_data(run, data_dir)
    trained = models.load_model(run.model_path, compile=False)
    for name in run.config.member_names:
        plain = plain_models.plain_model(trained, name)
        for (form, kind), found in compared(directory, plain, dataset).items():
            cells = [
                f"{one['largest_difference']:.1e}, {one['moved']}, "
                f"{one['changed_answers']}"
                for one in found.values()
            ]
            yield f"{name}, {dataset.name}", f"{form} {kind or 'float32'}", *cells


def main():
    """Sets up, or measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--set_up", action="store_true")
    parser.add_argument("--runs", nargs="+", default=(), metavar="RUN")
    parser.add_argument("--data_dir")
    arguments = parser.parse_args()
    if arguments.set_up:
        set_up(arguments.directory)
        return
    if not is_there(arguments.directory):
        sys.exit(f"{QEMU}, or Python in {arguments.directory}, is missing: see --help")
    from collaborative.system import streams

    streams.start_tensorflow()
    for run_dir in arguments.runs:
        for row in rows(arguments.directory, run_dir, arguments.data_dir):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
