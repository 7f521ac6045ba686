"""What a run ran with and on: recorded beside its results."""

from __future__ import annotations

import pathlib
import platform
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from collaborative.system import libraries, limits, processor, resources


def describe():
    """Versions, revision of this code, device and command, as plain JSON values."""
    return {
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "git_revision": git_revision(),
        "device": device(),
        "tf32": computes_in_tf32(),
        "onednn": libraries.onednn_is_on(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads()
        or limits.core_count(),
        "command": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def git_revision():
    """The revision of this code, with "+" where it was changed since.

    None where it is not a checkout of its own.
    """
    if resources.CHECKOUT is None:
        return None

    def git(*arguments):
        command = ["git", "-C", str(resources.CHECKOUT), *arguments]
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)

    try:
        revision = git("rev-parse", "HEAD").strip()
        changed = git("status", "--porcelain", "-uno")
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+" if changed else "")


def device():
    """The GPUs that TensorFlow sees, else the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(g)["device_name"] for g in gpus]
    return ", ".join(names) or processor.name_with_cores()


def has_gpu():
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def allow_tf32(allowed):
    """Says whether float32 may be computed in TF32, which is TensorFlow's default.

    TF32 keeps 10 of the 23 bits of a factor's mantissa. GPUs of compute capability 8
    and up have it.
    """
    tf.config.experimental.enable_tensor_float_32_execution(allowed)


def computes_in_tf32():
    """Whether matrix products and convolutions in float32 are computed in TF32."""
    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    return allowed and has_gpu() and _gpus_have(8)


def has_float16():
    """Whether the processor computes in float16 (AVX512-FP16, AMX-FP16)."""
    return bool({"avx512_fp16", "amx_fp16"} & processor.flags())


def fastest_precision():
    """The precision of layers that the hardware is fastest in without losing range.

    Never float16, which a processor is slow in and whose range gradients leave.

    Returns:
        "bfloat16" where the GPUs (compute capability 8 and up) or the processor
        (AVX512-BF16, AMX) compute in it, else "float32". A processor does so by oneDNN
        alone.
    """
    if has_gpu():
        native = _gpus_have(8)
    else:
        has_units = bool({"avx512_bf16", "amx_bf16"} & processor.flags())
        native = has_units and libraries.onednn_is_on() is not False
    return "bfloat16" if native else "float32"


def _gpus_have(capability):
    """Whether all GPUs have this compute capability, or a higher one."""
    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    return all(d.get("compute_capability", (0,))[0] >= capability for d in details)
