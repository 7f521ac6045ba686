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

import numpy as np

BATCH = 256


def load(form, path):
    """Loads an artifact.

    Args:
        form: "keras", "saved_model", "litert", "onnx" or "web".
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
        "web": _load_web,
    }
    return loaders[form](str(path))


def described(form, path):
    """What a LiteRT or ONNX file says of its first input.

    Args:
        form: "litert" or "onnx".
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
    return len(os.sched_getaffinity(0))


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

    return function


def _load_onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Its default is a thread for each core of the machine, allowed or not.
    options.intra_op_num_threads = _cores()
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def _load_web(path):
    """The page's interpreter in Node, one image after the other."""
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("a page is run here by Node, which is not installed")
    runner = pathlib.Path(__file__).with_name("web") / "runner.js"
    process = subprocess.Popen(
        [node, runner, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    classes = struct.unpack("<I", process.stdout.read(4))[0]

    def function(images):
        images = np.ascontiguousarray(images, "<f4")
        # One by one, so that neither side waits for the other to read.
        outputs = []
        for image in images:
            process.stdin.write(image.tobytes())
            process.stdin.flush()
            outputs.append(process.stdout.read(4 * classes))
        return np.frombuffer(b"".join(outputs), "<f4").reshape(-1, classes)

    return function


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
