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
ARENA = 2**28  # bytes that a network may take on a computer
REFUSED = 3  # the status of a process whose interpreter does not run the network
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")


def check(artifact, images):
    """Runs an artifact as a board would, and tells how much memory that takes.

    Args:
        artifact: a LiteRT file.
        images: test images; the first IMAGES are used.

    Returns:
        Dict of `micro`: of `images` how many, `arena_bytes`, `largest_difference` to
        LiteRT's own outputs and `changed_answers`; or `refused`, why its interpreter
        does not run the network. {} where the package is not installed.

    Raises:
        verification.VerificationFailed: where something else went wrong.
    """
    from collaborative.deployment import runtimes, verification
    from collaborative.system import streams

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
            return {"micro": {"refused": f"it takes more than {SECONDS} s"}}
        said = process.stdout + process.stderr
        if process.returncode < 0 or process.returncode == REFUSED:
            return {"micro": {"refused": _reason(process)}}
        arena = _TOTAL.search(said)
        if process.returncode or not arena:
            lines = said.strip().splitlines() or ["it ended without a word"]
            raise verification.VerificationFailed(
                f"litert cannot be checked for microcontrollers: {lines[-1]}"
            )
        found = np.load(outputs)
    with streams.silence():
        wanted = runtimes.load("litert", artifact)(images)
    moved = verification.moved(found, wanted)
    return {"micro": {"arena_bytes": int(arena[1])} | moved}


def _reason(process):
    """What an interpreter said that does not run a network, one line."""
    lines = [line.strip() for line in process.stderr.splitlines() if line.strip()]
    if process.returncode < 0:
        return f"it ended by signal {-process.returncode}"
    return lines[0].rstrip(".") if lines else "it does not say why"


def main(argv):
    """Runs images one after the other; see the module's docstring.

    Returns:
        0, or REFUSED where the interpreter does not run the network.
    """
    from tflite_micro.python.tflite_micro import runtime

    artifact, images, outputs = argv[1:]
    found = []
    try:  # its default are ten times the file, which small files' activations exceed
        interpreter = runtime.Interpreter.from_file(artifact, arena_size=ARENA)
        count = interpreter.get_input_details(0)["shape"][0]
        for image in np.load(images):
            interpreter.set_input(np.repeat(image[None], count, axis=0), 0)
            interpreter.invoke()
            found.append(np.array(interpreter.get_output(0))[0])
    except RuntimeError as error:  # after a reason in the lines before
        print(error, file=sys.stderr)
        return REFUSED
    np.save(outputs, found)
    interpreter.print_allocations()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
