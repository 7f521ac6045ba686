"""What Keras, TensorFlow and matplotlib take from the environment, in one place.

The commands need TensorFlow under Keras, images with their channels last, float32 and
figures in files: `settle` makes it so, whatever keras.json or a notebook's variables
say. Where the package is a library the process is not ours to change: `check_backend`
says what is wrong.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

from collaborative.system import processor
from collaborative.system.errors import UserError

# keras.json and matplotlibrc are files of a person's own, for other work: instead of
# them an empty file is read. Nothing can be made below it either.
_SETTINGS = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.devnull,
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "agg",
}
# They would choose TensorFlow's first version or Keras's second, or the machines of
# another program's cluster.
_UNWANTED = ("TF2_BEHAVIOR", "TF_CONFIG", "TF_USE_LEGACY_KERAS")
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


class BackendError(UserError, ImportError):
    """Keras is set to compute with something else than TensorFlow."""


def settle(environment=os.environ):
    """Sets what a command's libraries read when they are imported, its children's too.

    Every other variable of Keras is removed: they cap the epochs of all training, or
    ask for packages that are not there.

    Args:
        environment: the variables, which are changed.
    """
    for name in list(environment):
        if name.startswith("KERAS_") or name in _UNWANTED:
            del environment[name]
    environment.update(_SETTINGS)
    switch_onednn_on(environment)


def switch_onednn_on(environment=os.environ):
    """Has TensorFlow compute by oneDNN on every x86 processor, unless a person chose.

    TensorFlow 2.21 does so by itself only where the processor has AVX512-VNNI or what
    came after it. With AVX2 alone a step of {ST, M} takes 1.8 times as long without.

    Args:
        environment: the variables that TensorFlow will read, which are changed.
    """
    if processor.is_x86() and not environment.get(_ONEDNN):
        environment[_ONEDNN] = "1"


def onednn_is_on():
    """What was chosen of oneDNN: a bool; None where it is left to TensorFlow."""
    chosen = os.environ.get(_ONEDNN, "").lower()
    return {"1": True, "true": True, "0": False, "false": False}.get(chosen)


def check_backend():
    """To call before Keras is imported, or after it.

    Raises:
        BackendError: where Keras computes, or will compute, with another backend.
    """
    backend, place = _backend()
    if backend != "tensorflow":
        raise BackendError(
            f"collaborative needs Keras on TensorFlow, and {place} chooses {backend}: "
            "set KERAS_BACKEND=tensorflow before Keras is imported"
        )


def _backend():
    """The backend of Keras, and what chooses it, as Keras 3 looks for it."""
    variable = os.environ.get("KERAS_BACKEND")
    home = os.environ.get("KERAS_HOME") or _default_home()
    path = pathlib.Path(os.path.expanduser(home), "keras.json")
    chosen = variable or _in_file(path) or "tensorflow"
    place = f"KERAS_BACKEND={variable}" if variable else path
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is not None and config.backend() != chosen:
        return config.backend(), "Keras, imported before this was set otherwise,"
    return chosen, place


def _default_home():
    home = os.path.expanduser("~")
    return os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")


def _in_file(path):
    """The backend that a keras.json names; None where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
