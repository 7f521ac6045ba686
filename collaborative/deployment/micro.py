"""LiteRT files as microcontrollers run them: LiteRT for Microcontrollers, if installed.

    python -I micro.py ARTIFACT IMAGES.npy OUTPUTS.npy

is how its interpreter is run in a process of its own: it may end that process, and what
it says of memory it prints. So this file imports nothing of ours at the top.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

PACKAGE = "tflite_micro"
IMAGES = 32  # its kernels on a computer are the plain ones, which are slow
SECONDS = 120  # after which a network is too large for it
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")


def check(artifact, images):
    """Runs an artifact as a board would, and tells how much memory that takes.

    Args:
        artifact: a LiteRT file.
        images: test images; the first IMAGES are used.

    Returns:
        Dict of `micro`: of `images` how many, `arena_bytes`, `largest_difference` to
        LiteRT's own outputs and `changed_answers`; {} where the package is not
        installed, or cannot run the network.
    """
    from collaborative.deployment import runtimes, verification

    if importlib.util.find_spec(PACKAGE) is None:
        return {}
    images = images[:IMAGES].astype(np.float32)
    with tempfile.TemporaryDirectory() as directory:
        given, outputs = (pathlib.Path(directory, f"{n}.npy") for n in ("in", "out"))
        np.save(given, images)
        command = [sys.executable, "-I", __file__, artifact, given, outputs]
        try:
            process = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return {}
        arena = _TOTAL.search(process.stdout + process.stderr)
        if process.returncode or not arena:
            return {}
        found = np.load(outputs)
    wanted = runtimes.load("litert", artifact)(images)
    moved = verification.moved(found, wanted)
    return {"micro": {"arena_bytes": int(arena[1])} | moved}


def main(argv):
    """Runs images one after the other; see the module's docstring."""
    from tflite_micro.python.tflite_micro import runtime

    artifact, images, outputs = argv[1:]
    interpreter = runtime.Interpreter.from_file(
        artifact,
        intrepreter_config=runtime.InterpreterConfig.kAllocationRecording,
    )
    found = []
    for image in np.load(images):
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        found.append(np.array(interpreter.get_output(0))[0])
    np.save(outputs, found)
    interpreter.print_allocations()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
