"""Runs an exported artifact with its own runtime and none of this project's code.

    python -I runtimes.py FORMAT ARTIFACT IMAGES.npy OUTPUTS.npy NAME

is how `export.py` has an artifact checked in a fresh process: it first makes the named
package, this project's, impossible to import; then it loads the artifact, writes
its outputs for all images, and prints its latencies as JSON. So this file imports
nothing of ours; the runtimes themselves are imported where they are used.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import time
import weakref

import numpy as np

BATCH = 256


def has_bfloat16():
    """Whether OpenVINO says that this processor has bfloat16."""
    import openvino

    known = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in known


def load(form, path):
    """Loads an artifact.

    Args:
        form: "keras", "saved_model", "litert", "onnx", "openvino" or "web"; or
            "openvino_bf16", as OpenVINO computes where processors have bfloat16, unless
            it is told not to.
        path: the file, or the directory of a saved model.

    Returns:
        A function from images, float32 `[n, height, width, channels]`, to outputs,
        float32 `[n, classes]`, for any n >= 1.
    """
    loaders = {
        "keras": _load_keras,
        "saved_model": _load_saved_model,
        "litert": _load_litert,
        "onnx": _load_onnx,
        "openvino": _load_openvino,
        "openvino_bf16": lambda path: _load_openvino(path, "bf16"),
        "web": _load_web,
    }
    return loaders[form](str(path))


def described(form, path):
    """What a LiteRT, ONNX or OpenVINO file says of its first input.

    Args:
        form: "litert", "onnx" or "openvino".
        path: the file.

    Returns:
        (its shape, with None for what is open; its dtype, such as "float32"; how many
        inputs there are).
    """
    if form == "litert":
        from ai_edge_litert.interpreter import Interpreter

        details = Interpreter(str(path)).get_input_details()
        shape = details[0].get("shape_signature", details[0]["shape"])
        shape = [None if size < 0 else int(size) for size in shape]
        return tuple(shape), np.dtype(details[0]["dtype"]).name, len(details)
    if form == "openvino":
        import openvino

        inputs = openvino.Core().read_model(path).inputs
        sizes = inputs[0].partial_shape
        shape = [None if size.is_dynamic else size.get_length() for size in sizes]
        dtype = np.dtype(inputs[0].get_element_type().to_dtype()).name
        return tuple(shape), dtype, len(inputs)
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
    dtype = inputs[0].type.removeprefix("tensor(").removesuffix(")")
    names = {"float": "float32", "double": "float64"}
    return tuple(shape), names.get(dtype, dtype), len(inputs)


def run_in_batches(function, images):
    """Applies a loaded artifact to all images, BATCH at a time, as float32."""
    return np.concatenate(
        [
            function(images[start : start + BATCH].astype(np.float32))
            for start in range(0, len(images), BATCH)
        ]
    )


def _taking_any_number(function, size):
    """A function of exactly `size` images as one of any number; None: it is one.

    What is missing in the last batch is filled with its last image.
    """
    if size is None:
        return function

    def filled(images):
        missing = -len(images) % size
        images = np.concatenate([images, images[-1:].repeat(missing, axis=0)])
        starts = range(0, len(images), size)
        outputs = [function(images[start : start + size]) for start in starts]
        return np.concatenate(outputs)[: len(images) - missing]

    return filled


def latencies(function, images):
    """Median milliseconds an image: of one alone, and in a batch of at most BATCH.

    Returns:
        Dict of "alone" and "batch".
    """
    batch = images[:BATCH].astype(np.float32)
    return {
        "alone": _median_ms(lambda: function(batch[:1]), 100),
        "batch": _median_ms(lambda: function(batch), 7) / len(batch),
    }


def _median_ms(call, repetitions):
    call()  # the first one compiles or allocates
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _cores():
    """How many this process may run on, as `system.limits` has it, which is ours."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load_keras(path):
    import keras
    import tensorflow as tf

    model = keras.models.load_model(path, compile=False)
    function = tf.function(lambda images: model(images, training=False))
    return lambda images: function(tf.constant(images)).numpy()


def _load_saved_model(path):
    import tensorflow as tf

    model = tf.saved_model.load(path)
    return lambda images: model.serve(tf.constant(images)).numpy()


def _load_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=_cores())
    interpreter.allocate_tensors()  # says here, not later, what it computes with
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    size = inputs[0].get("shape_signature", inputs[0]["shape"])[0]
    shape = None

    def function(images):
        nonlocal shape
        if images.shape != shape:
            interpreter.resize_tensor_input(inputs[0]["index"], images.shape)
            interpreter.allocate_tensors()
            shape = images.shape
        interpreter.set_tensor(inputs[0]["index"], images)
        interpreter.invoke()
        values = interpreter.get_tensor(outputs[0]["index"])
        scale, zero = outputs[0]["quantization"]  # 0, 0 of what is none
        return (values.astype(np.float32) - zero) * scale if scale else values

    return _taking_any_number(function, None if size < 0 else int(size))


def _load_onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Its default is a thread for each core of the machine, allowed or not.
    options.intra_op_num_threads = _cores()
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    given = session.get_inputs()[0]
    size = given.shape[0] if isinstance(given.shape[0], int) else None
    return _taking_any_number(
        lambda images: session.run(None, {given.name: images})[0], size
    )


def _load_openvino(path, hint="f32"):
    import openvino

    core = openvino.Core()
    network = core.read_model(path)
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": _cores()}
    compiled = core.compile_model(network, "CPU", settings)
    size = network.inputs[0].partial_shape[0]
    # Its results are views of memory that the next call writes to.
    return _taking_any_number(
        lambda images: np.array(compiled(images)[0]),
        None if size.is_dynamic else size.get_length(),
    )


def _load_web(path):
    """What computes in a page, in Node, one image after the other."""
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("a page is run here by Node, which is not installed")
    runner = pathlib.Path(__file__).with_name("web") / "runner.js"
    process = subprocess.Popen(
        [node, runner, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    begun = process.stdout.read(8)
    if not begun:
        raise RuntimeError(process.communicate()[1].decode().strip())
    size, classes = struct.unpack("<II", begun)

    def function(images):
        images = np.ascontiguousarray(images, "<f4")
        if images[0].size != size:  # of which it would wait for the rest
            raise ValueError(f"the page takes {size} numbers, got {images[0].size}")
        # One by one, so that neither side waits for the other to read.
        outputs = []
        for image in images:
            process.stdin.write(image.tobytes())
            process.stdin.flush()
            outputs.append(process.stdout.read(4 * classes))
        return np.frombuffer(b"".join(outputs), "<f4").reshape(-1, classes)

    # Left to itself, a process that nobody asks any more lives as long as this one.
    weakref.finalize(function, _end, process)
    return function


def _end(process):
    with process:
        process.kill()


def main(argv):
    """The check in a fresh process; see the module's docstring."""
    form, artifact, images_path, outputs_path, refused = argv[1:]
    sys.modules[refused] = None  # `import name` raises ModuleNotFoundError now
    images = np.load(images_path)
    function = load(form, pathlib.Path(artifact))
    np.save(outputs_path, run_in_batches(function, images))
    # A page takes one image at a time.
    measured = latencies(function, images[:1] if form == "web" else images)
    print(json.dumps(measured | {"cores": 1 if form == "web" else _cores()}))
    return 0 if sys.modules[refused] is None else f"imported {refused}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
