"""Writes a plain model (see `plain_models`) in several runtimes' formats, or as a page.

All take images as float32 `[batch, height, width, channels]` with values 0..255, any
number at once or so many as one asks for, and none needs this code; Core ML takes one
picture. With int8, weights and activations within the network are 8-bit integers; with
float16 its weights have 16 bits. Inputs and outputs stay float32, so that artifacts can
be exchanged for each other.
"""

from __future__ import annotations

import importlib.util
import pathlib
import tempfile

import numpy as np
from etils import epy

from collaborative.system import resources, streams
from collaborative.system.errors import UserError, reason_of

with epy.lazy_imports():
    import openvino
    import tensorflow as tf
    from onnxruntime import quantization

    from collaborative.deployment import core_ml, float_onnx, plain_models
    from collaborative.deployment.web import page

FILES = {
    "keras": "model.keras",
    "saved_model": "saved_model",
    "litert": "model.tflite",
    "onnx": "model.onnx",
    "openvino": "model.xml",  # and model.bin beside it
    "coreml": "model.mlpackage",
    "web": "index.html",
}
# Those whose runtimes on phones and boards may want to know the number of images.
WITH_BATCH = ("litert", "onnx", "openvino")
# Of low precision the formats that can be so, and in which types activations may then
# be. Which is faster depends on the processor and on the network.
QUANTIZABLE = {
    "int8": {"litert": ("int8",), "onnx": ("int8", "uint8")},
    "float16": {
        "litert": ("float16",),
        "openvino": ("float16",),
        "coreml": ("float16",),
    },
}
_ONNX_TYPES = {"int8": "QInt8", "uint8": "QUInt8"}
CALIBRATION_IMAGES = 500
_CONVERTERS = {
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx"},
    "coreml": {"coremltools": "coremltools"},
}
_BATCH = 50


# What a format needs to run, beyond what the project installs: module -> package.
PACKAGES = {
    "keras": {},
    "saved_model": {},
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnxruntime": "onnxruntime"},
    "openvino": {"openvino": "openvino"},
    "coreml": {},  # what runs it comes with Apple's systems
    "web": {},
}
# Which extra of the project brings them.
_EXTRAS = {"openvino": "openvino", "coreml": "coreml"}


class MissingPackage(UserError):
    """An optional package is not installed; the message says how to get it."""


def check_packages(form, writing=False):
    """Raises MissingPackage unless a format can be run and, if so asked, written."""
    packages = PACKAGES[form] | (_CONVERTERS.get(form, {}) if writing else {})
    missing = [p for m, p in packages.items() if importlib.util.find_spec(m) is None]
    if missing:
        command = resources.command_to_install(_EXTRAS.get(form, "export"))
        raise MissingPackage(f"{', '.join(missing)} must be installed: {command}")


class ConversionFailed(UserError):
    """A model that a format cannot express; one line for a person."""


def write(
    model,
    path,
    form,
    kind=None,
    calibration=None,
    batch=None,
    class_names=(),
    web_runtime=None,
):
    """Writes a model in a format.

    Args:
        model: a plain float32 `keras.Model` that takes any number of images.
        path: the file to write, or the directory of a saved model or a Core ML package.
        form: a key of FILES.
        kind: None for float32, or the type of activations: one of those that
            QUANTIZABLE has for the format.
        calibration: for integers, training images `[n, height, width, channels]` from
            which the ranges of activations are taken.
        batch: how many images it takes at once, of a format in WITH_BATCH; None: any.
        class_names: of the classes, which Core ML keeps inside.
        web_runtime: the `web.runtime.Runtime` of a page; None: the interpreter.

    Raises:
        ConversionFailed: where the model has something that the format has not, or
            takes several inputs.
    """
    if len(model.inputs) > 1:
        raise ConversionFailed(
            f"{model.name} takes {len(model.inputs)} inputs, and what is exported here "
            "takes images only: use save or export of the plain model itself"
        )
    writers = {
        "keras": _write_keras,
        "saved_model": _write_saved_model,
        "litert": _write_litert,
        "onnx": _write_onnx,
        "openvino": _write_openvino,
        "coreml": core_ml.writer(class_names),
        "web": _web_writer(web_runtime),
    }
    arguments = () if kind is None else (kind, calibration)
    try:
        with streams.silence():
            written = plain_models.with_batch(model, batch) if batch else model
            writers[form](written, str(path), *arguments)
    except Exception as error:  # each converter has errors of its own
        reason = reason_of(error)
        raise ConversionFailed(f"{model.name} as {form}: {reason}") from error


def _write_keras(model, path):
    model.save(path)


def _write_saved_model(model, path):
    model.export(path, format="tf_saved_model", verbose=False)


def _write_litert(model, path, kind=None, calibration=None):
    """Keras's own litert export keeps variables, which cannot be calibrated."""
    with tempfile.TemporaryDirectory() as saved_model:
        _save_with_constants(model, saved_model)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
        if kind is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            batches = _calibration_batches(model, calibration, 1)
            converter.representative_dataset = lambda: ([one] for one in batches)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        pathlib.Path(path).write_bytes(converter.convert())


def _save_with_constants(model, path):
    """A saved model without variables, which converts in a quarter of the time."""
    (given,) = model.inputs
    signature = tf.TensorSpec(given.shape, given.dtype, name=given.name)
    weights = [
        [tf.constant(v.numpy()) for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]

    @tf.function(input_signature=[signature])
    def serve(images):
        outputs, _ = model.stateless_call(*weights, images, training=False)
        return {"output_0": outputs}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, path, signatures=serve)


def _write_onnx(model, path, kind=None, calibration=None):
    if kind is None:
        float_onnx.write(model, path)
        return
    with tempfile.TemporaryDirectory() as directory:
        floating, prepared = (
            str(pathlib.Path(directory, name)) for name in ("float.onnx", "fused.onnx")
        )
        float_onnx.write(model, floating)
        quantization.quant_pre_process(floating, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            path,
            _CalibrationReader(_calibration_batches(model, calibration, _BATCH)),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType[_ONNX_TYPES[kind]],
        )


def _write_openvino(model, path, kind=None, calibration=None):
    """Of its two files the second, `.bin`, has the weights."""
    with tempfile.TemporaryDirectory() as directory:
        exported = str(pathlib.Path(directory, "model.xml"))
        model.export(exported, format="openvino", verbose=False)
        network = openvino.Core().read_model(exported)
        network.reshape([size or -1 for size in model.inputs[0].shape])
        openvino.save_model(network, path, compress_to_fp16=kind == "float16")


def _web_writer(runtime):
    return lambda model, path: page.write(path, {model.name: model}, runtime=runtime)


def _calibration_batches(model, images, size):
    """List of so many images at once as the model takes, or `size` if it takes any."""
    size = model.inputs[0].shape[0] or size
    whole = len(images) - len(images) % size or size
    images = np.resize(images, (whole, *images.shape[1:]))  # repeats too few ones
    return [
        images[start : start + size].astype("float32")
        for start in range(0, whole, size)
    ]


class _CalibrationReader:
    """Hands batches of images to ONNX Runtime's calibration."""

    def __init__(self, batches):
        self._batches = ({"images": batch} for batch in batches)

    def get_next(self):
        return next(self._batches, None)
