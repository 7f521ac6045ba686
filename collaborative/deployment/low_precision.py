"""Exports in int8 or float16: of the ways to, the fastest that answers as float32."""

from __future__ import annotations

import pathlib
import shutil
import tempfile

from collaborative.deployment import formats, runtimes, verification


def export(model, artifact, form, kind, dataset, tolerance, batch=None):
    """Writes a model in low precision after measuring each way to, and float32.

    Args:
        model: the plain float32 `keras.Model`.
        artifact: the file to write.
        form: a key of `formats.QUANTIZABLE[kind]`.
        kind: "int8" or "float16".
        dataset: `datasets.Dataset`; its training images set the ranges, its test images
            judge.
        tolerance: as for `verification.verify_low_precision`.
        batch: how many images the artifact takes at once; None: any number.

    Returns:
        What `verification.verify_low_precision` found, with `activations` (their type),
        `batch_ms` (by type of activations, milliseconds an image in a batch) and
        `float32_latency_ms` (of the same format in float32, measured alike).

    Raises:
        formats.ConversionFailed: where the format cannot express the model.
        verification.VerificationFailed: where each way clearly loses.
    """
    expected = verification.outputs_of(model)
    images = dataset.train.images[: formats.CALIBRATION_IMAGES]
    with tempfile.TemporaryDirectory() as directory:

        def written(name, *quantized):
            path = pathlib.Path(directory, name, formats.FILES[form])
            path.parent.mkdir()
            formats.write(model, path, form, *quantized, batch=batch)
            return path

        few = dataset.test.images[: runtimes.BATCH]
        _, latency = verification.run_in_a_fresh_process(form, written("float"), few)
        passed, failure = {}, None
        for activations in formats.QUANTIZABLE[kind][form]:
            path = written(activations, activations, images)
            try:
                passed[activations] = verification.verify_low_precision(
                    form, kind, path, expected, dataset.test, tolerance
                )
            except verification.VerificationFailed as error:
                failure = error
        if not passed:
            raise failure
        batch_ms = {a: found["latency_ms"]["batch"] for a, found in passed.items()}
        fastest = min(batch_ms, key=batch_ms.get)
        written_to = pathlib.Path(directory, fastest)
        shutil.copytree(written_to, artifact.parent, dirs_exist_ok=True)
    return passed[fastest] | {
        "activations": fastest,
        "batch_ms": batch_ms,
        "float32_latency_ms": latency,
    }
