"""Keeps what TensorFlow and converters write, C++ too, off the standard streams."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import tempfile


def start_tensorflow():
    """Imports TensorFlow, which takes seconds, without its notes about itself.

    It makes 400,000 objects that stay. To look through them for garbage again and
    again, while there come more and when the process ends, takes a third of the time.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    enabled = gc.isenabled()
    gc.disable()
    try:
        with without_start_up_notes():
            importlib.import_module("tensorflow")
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextlib.contextmanager
def without_start_up_notes():
    """Keeps TensorFlow's notes about itself, which no setting silences, off stderr.

    What else is written to stderr meanwhile is passed on at the end of the block.
    """
    with tempfile.TemporaryFile() as held:
        try:
            with _redirected(sys.stderr, 2, held):
                yield
        finally:
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if not line.startswith(("I0000", "WARNING: All log messages before")):
                    print(line, file=sys.stderr)


@contextlib.contextmanager
def silence():
    """Drops what converters, some of them in C++, print; errors are still raised."""
    with (
        open(os.devnull, "wb") as nowhere,
        _redirected(sys.stdout, 1, nowhere),
        _redirected(sys.stderr, 2, nowhere),
    ):
        yield


@contextlib.contextmanager
def _redirected(stream, descriptor, file):
    """Sends what this process writes to a standard stream, C++ too, to `file`."""
    stream.flush()
    kept = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        stream.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
