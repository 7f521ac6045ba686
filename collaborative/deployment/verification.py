"""Checks an exported artifact in a fresh process that cannot import this project.

A float32 artifact must give the outputs of the plain model that it was made of, and of
the trained model (mixed precision rounds more). The error of an int8 artifact must be
within half a percentage point of the plain model's, higher or lower: an artifact that
errs less answers other than the model whose scores its card has. All test images count,
as each of 256 would be 0.39 points.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from collaborative.deployment import runtimes
from collaborative.system.errors import UserError

IMAGES = 256  # test images on which outputs are compared
TOLERANCE = 1e-4  # of the largest output's magnitude, or of 1 if that is larger
# Of the trained model's outputs from the artifact's, by the precision of the run.
TRAINED_TOLERANCE = {"float32": TOLERANCE, "bfloat16": 0.05, "float16": 0.01}
INT8_POINTS = 0.5  # percentage points of error


class VerificationFailed(UserError):
    """An artifact that does not do what it should; one line for a person."""


def verify_float(form, artifact, expected, trained, images, precision):
    """Compares a float32 artifact's outputs with those of the models it comes from.

    Args:
        form: a key of `formats.FILES`.
        artifact: the file, or the directory of a saved model.
        expected: function from images to the outputs of the plain model.
        trained: the same of the trained model.
        images: test images, uint8 `[n, height, width, channels]`; the first IMAGES are
            used.
        precision: what the model was trained in, a key of TRAINED_TOLERANCE.

    Returns:
        Dict of plain values: how many images, the largest difference to either, and the
        latencies of `runtimes.latencies` with the number of cores; no images and
        nothing else for a page where Node, which runs it, is not installed.

    Raises:
        VerificationFailed: where the artifact cannot be run or differs.
    """
    if form == "web" and shutil.which("node") is None:
        return {"images": 0}
    images = images[:IMAGES]
    outputs, latency = run_in_a_fresh_process(form, artifact, images)
    wanted = runtimes.run_in_batches(expected, images)
    difference = _difference(outputs, wanted, TOLERANCE, "the model it was made of")
    wanted = runtimes.run_in_batches(trained, images)
    tolerance = TRAINED_TOLERANCE[precision]
    from_trained = _difference(outputs, wanted, tolerance, "the trained model")
    return {
        "images": len(images),
        "largest_difference": difference,
        "largest_difference_from_trained": from_trained,
        "latency_ms": latency,
    }


def verify_int8(form, artifact, expected, examples):
    """Compares an int8 artifact's error with the plain model's on all test images.

    Args:
        form, artifact, expected: as for `verify_float`.
        examples: all test images and labels, `datasets.Examples`.

    Returns:
        Dict of plain values: how many images, both errors and the images whose class
        changed (fractions), latencies.

    Raises:
        VerificationFailed: where the artifact cannot be run, or its error is more than
            INT8_POINTS higher or lower.
    """
    outputs, latency = run_in_a_fresh_process(form, artifact, examples.images)
    wanted = runtimes.run_in_batches(expected, examples.images)
    answers, float_answers = outputs.argmax(axis=1), wanted.argmax(axis=1)
    errors = [float(np.mean(a != examples.labels)) for a in (answers, float_answers)]
    # Rounded, so that half a point is half a point.
    apart = round(100 * abs(errors[0] - errors[1]), 6)
    if not (np.isfinite(outputs).all() and apart <= INT8_POINTS):
        raise VerificationFailed(
            f"int8 misclassifies {100 * errors[0]:.2f} % of {len(outputs):,} test "
            f"images and float32 {100 * errors[1]:.2f} %: they must be within "
            f"{INT8_POINTS} points, not exported"
        )
    return {
        "images": len(outputs),
        "int8_error": errors[0],
        "float32_error": errors[1],
        "changed_answers": float(np.mean(answers != float_answers)),
        "latency_ms": latency,
    }


def outputs_of(model, softmax=False):
    """A function from images to the predictions of a Keras model, as `runtimes.load`.

    Args:
        model: a Keras model, or a function from images to logits.
        softmax: whether to return probabilities of its logits.
    """

    @tf.function
    def outputs(images):
        logits = model(images)
        return tf.nn.softmax(logits) if softmax else logits

    return lambda images: outputs(tf.constant(images)).numpy()


def run_in_a_fresh_process(form, artifact, images):
    """Runs an artifact where no module of this project can be imported.

    Returns:
        (outputs `[n, classes]`, latencies and number of cores).

    Raises:
        VerificationFailed: with the last line of what that process said.
    """
    with tempfile.TemporaryDirectory() as directory:
        inputs, outputs = (pathlib.Path(directory, f"{n}.npy") for n in ("in", "out"))
        np.save(inputs, images)
        script = [sys.executable, "-I", runtimes.__file__]
        arguments = [form, pathlib.Path(artifact).resolve(), inputs, outputs]
        process = subprocess.run(
            [*script, *map(str, arguments), "collaborative"],
            capture_output=True,
            text=True,
            cwd=directory,
        )
        if process.returncode:
            said = process.stderr.strip().splitlines() or ["it ended without a word"]
            raise VerificationFailed(
                f"{form} cannot be run without our code: {said[-1]}"
            )
        return np.load(outputs), json.loads(process.stdout.strip().splitlines()[-1])


def _difference(outputs, wanted, tolerance, other):
    """The largest difference of outputs; VerificationFailed where it is too large."""
    if outputs.shape != wanted.shape:
        raise VerificationFailed(
            f"the artifact's outputs have the shape {outputs.shape}, those of {other} "
            f"{wanted.shape}: not exported"
        )
    difference = float(np.abs(outputs - wanted).max())
    allowed = tolerance * max(1.0, float(np.abs(wanted).max()))
    if not difference <= allowed:  # also where one is NaN
        raise VerificationFailed(
            f"outputs differ by {difference:.2g} from {other}'s, allowed are "
            f"{allowed:.2g}: not exported"
        )
    return difference
