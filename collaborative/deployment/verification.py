"""Checks an exported artifact in a fresh process that cannot import this project.

A float32 artifact must give the outputs of the plain model that it was made of, and of
the trained model (mixed precision rounds more).

One of low precision, int8 or float16, answers otherwise now and then, so its answers
are judged, on all test images and in pairs: of the images that one of both gets right
and the other wrong, as many should be lost as gained. The exact test of that
(McNemar's, one-sided) says whether the images show a loss or leave it open. A clear
loss of more than a tolerance in points of error is refused; an open one is reported;
fewer errors never are refused.
"""

from __future__ import annotations

import json
import math
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
TRAINED_TOLERANCE = {
    "float32": TOLERANCE,
    "float32_exact": TOLERANCE,
    "bfloat16": 0.05,
    "float16": 0.01,
}
POINTS = 0.5  # percentage points of error that low precision may clearly lose
SIGNIFICANCE = 0.05  # of a clear loss


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


def verify_low_precision(form, kind, artifact, expected, examples, tolerance=POINTS):
    """Judges an artifact's answers on all test images beside the plain model's.

    Args:
        form, artifact, expected: as for `verify_float`.
        kind: "int8" or "float16".
        examples: all test images and labels, `datasets.Examples`.
        tolerance: percentage points of error that may be lost.

    Returns:
        Dict of plain values: how many images, the largest difference of an output, what
        `judge` gives, and latencies.

    Raises:
        VerificationFailed: where the artifact cannot be run, or it clearly loses more.
    """
    outputs, latency = run_in_a_fresh_process(form, artifact, examples.images)
    wanted = runtimes.run_in_batches(expected, examples.images)
    if not np.isfinite(outputs).all():
        raise VerificationFailed(f"{kind} gives NaN or infinity: not exported")
    answers, float_answers = outputs.argmax(axis=1), wanted.argmax(axis=1)
    judged = judge(kind, answers, float_answers, examples.labels)
    error = judged[f"{kind}_error"]
    points = 100 * (error - judged["float32_error"])
    # Rounded, so that half a point is half a point. NaN allows nothing.
    if judged["verdict"] == "clear loss" and not round(points, 6) <= tolerance:
        raise VerificationFailed(
            f"{kind} misclassifies {100 * error:.2f} % of "
            f"{len(outputs):,} test images and float32 "
            f"{100 * judged['float32_error']:.2f} %, a clear loss (p = "
            f"{judged['p_value']:.2g}) of more than {tolerance} points: not exported; "
            "--tolerance allows more"
        )
    return {
        "images": len(outputs),
        "largest_difference": float(np.abs(outputs - wanted).max()),
        **judged,
        "tolerance": tolerance,
        "latency_ms": latency,
    }


def in_bfloat16(artifact, expected, images):
    """How an OpenVINO artifact answers where it may compute in bfloat16.

    Processors that have bfloat16 do so unless INFERENCE_PRECISION_HINT says otherwise.

    Args:
        artifact, expected, images: as for `verify_float`.

    Returns:
        Dict of `bfloat16`: of how many `images` what was found, the largest difference
        of an output, and how many answers changed; {} where this processor has none.

    Raises:
        VerificationFailed: where it has, and the artifact cannot be run so.
    """
    if not runtimes.has_bfloat16():
        return {}
    images = images[:IMAGES]
    outputs, _ = run_in_a_fresh_process("openvino_bf16", artifact, images)
    wanted = runtimes.run_in_batches(expected, images)
    return {"bfloat16": moved(outputs, wanted)}


def moved(outputs, wanted):
    """How far outputs `[n, classes]` are from those that were wanted: a dict."""
    changed = outputs.argmax(axis=1) != wanted.argmax(axis=1)
    return {
        "images": len(outputs),
        "largest_difference": float(np.abs(outputs - wanted).max()),
        "changed_answers": int(changed.sum()),
    }


def judge(kind, answers, float_answers, labels):
    """Compares two networks' answers to the same images.

    Args:
        kind: of the first, "int8" or "float16".
        answers, float_answers, labels: classes, integers `[n]`: of that kind, of
            float32, and the right ones.

    Returns:
        Dict of plain values: `int8_error` (or `float16_error`), `float32_error`,
        `changed_answers` (fractions); `lost` and `gained`, the images that only float32
        or only the other gets right; `p_value`, the chance of so many lost ones among
        them were either as likely; `verdict`: "no loss", "open loss" or "clear loss".
    """
    right, float_right = answers == labels, float_answers == labels
    lost, gained = int((float_right & ~right).sum()), int((right & ~float_right).sum())
    p_value = _at_least(lost, lost + gained)
    verdict = "open loss" if lost > gained else "no loss"
    if p_value < SIGNIFICANCE:
        verdict = "clear loss"
    return {
        f"{kind}_error": float(np.mean(~right)),
        "float32_error": float(np.mean(~float_right)),
        "changed_answers": float(np.mean(answers != float_answers)),
        "lost": lost,
        "gained": gained,
        "p_value": p_value,
        "verdict": verdict,
    }


def _at_least(heads, tosses):
    """The probability of at least so many heads in tosses of a fair coin."""
    ways = sum(math.comb(tosses, k) for k in range(heads, tosses + 1))
    return ways / 2**tosses


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

    def run(images):
        # Traced once, for any number of images; and TensorFlow, which takes the
        # functions of several models for one, does not warn of tracing.
        shape = tf.TensorSpec([None, *images.shape[1:]], images.dtype)
        return outputs.get_concrete_function(shape)(tf.constant(images)).numpy()

    return run


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
