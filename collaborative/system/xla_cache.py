"""What XLA compiled, kept for later processes in TensorFlow's cache, under seals.

Where COLLABORATIVE_XLA_CACHE names a directory, an experiment starts sooner with
another seed, or when it goes on. TensorFlow 2.21 runs what an entry holds, whatever
machine it is for, and ends where it cannot read one. So each kind of machine, version
and flags has a folder of its own there, and each entry a seal, the digest of its
content: what has another, or none, is removed before TensorFlow looks.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import pathlib
import time

from collaborative.system import digests, files, processor
from collaborative.system.errors import UserError

VARIABLE = "COLLABORATIVE_XLA_CACHE"
_FLAGS = "TF_XLA_FLAGS"
_FLAG = "--tf_xla_persistent_cache_directory="
_ENTRIES = "xla_compile_cache*"  # what TensorFlow writes, also under temporary names
_SUFFIX = ".pb"
_SEAL = ".sha256"
_NAMES_APART = 1_000_000  # more than are made before a training
_WRITING = 600  # seconds in which an entry is written under a temporary name
# What TensorFlow's errors of an entry say, in small letters.
_OF_ENTRIES = ("xla_compile_cache", "serialized cache", "failed to parse serialized")


class UnusableCache(UserError):
    """A directory that programs must not be taken from; one line for a person."""

    status = 2


def use(environment=os.environ):
    """Has TensorFlow, which is not imported yet, keep and take what XLA compiles.

    Args:
        environment: the variables that it will read, which are changed.

    Raises:
        UnusableCache: where others can write to the directory, or it cannot be one.
    """
    if not is_used(environment):
        return
    _check(environment[VARIABLE])
    folder = _folder(environment)
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob(_ENTRIES):
        with contextlib.suppress(OSError):  # another process removes it too
            if _is_to_go(path):
                path.unlink()
    others = _other_flags(environment)
    environment[_FLAGS] = " ".join([*others, f"{_FLAG}{folder}"])


def align_names(environment=os.environ):
    """Gives what is traced from here on the names that it has in other processes.

    TensorFlow finds an entry by the name of its function, which ends in a number that
    counts tensors and functions (`findings/cache_by_what_came_before.sh`). To prepare
    data, or to go on from a checkpoint, makes some: all start from a round number.
    """
    if is_used(environment):
        from tensorflow.python.framework import ops

        for _ in range(-ops.uid() % _NAMES_APART):
            ops.uid()


def seal(environment=os.environ):
    """Seals the entries that have been written since `use`."""
    if not is_used(environment):
        return
    for entry in _folder(environment).glob(_ENTRIES + _SUFFIX):
        # Another process may remove it, or seal it, at the same time.
        with contextlib.suppress(OSError):
            if not _seal_of(entry).exists():
                with files.replacing(_seal_of(entry)) as path:
                    path.write_text(digests.of_file(entry), encoding="ascii")


def fault(error, environment=os.environ):
    """What is wrong with the cache where an error is of it: one line; else ""."""
    said = str(error).lower() if is_used(environment) else ""
    return advice(environment) if any(w in said for w in _OF_ENTRIES) else ""


def is_used(environment=os.environ):
    """Whether a directory is named."""
    return bool(environment.get(VARIABLE))


def advice(environment=os.environ):
    """What to do where the cache cannot be used, one line."""
    return (
        f"what XLA compiled cannot be kept in {environment[VARIABLE]}, or taken from "
        f"there: make room, remove it, or unset {VARIABLE}"
    )


def _check(named):
    """Refuses a directory into which anybody but its owner can write, or nobody."""
    path = _path(named)
    if any(letter.isspace() for letter in str(path)):
        raise UnusableCache(f"{VARIABLE} must be a path without spaces, got {named!r}")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        said = f"{error.strerror}: {error.filename}"
        raise UnusableCache(f"{VARIABLE} must be a directory: {said}") from error
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise UnusableCache(
            f"others can write to {path}, and its programs are run: {VARIABLE} must "
            "name a directory of your own (chmod go-w)"
        )
    if not os.access(path, os.W_OK):
        raise UnusableCache(f"{VARIABLE}: {path} cannot be written to")


def _path(named):
    return pathlib.Path(os.path.abspath(os.path.expanduser(named)))


def _folder(environment):
    """Where the entries of this kind of machine, of these versions and flags are."""
    cards = sorted(pathlib.Path("/proc/driver/nvidia/gpus").glob("*/information"))
    kind = [
        importlib.metadata.version("tensorflow"),
        *(processor.name(), *sorted(processor.flags())),
        *(card.read_text(errors="replace") for card in cards),
        environment.get("XLA_FLAGS", ""),
        *_other_flags(environment),
    ]
    return _path(environment[VARIABLE]) / digests.short("\n".join(kind))


def _other_flags(environment):
    """A person's own flags for TensorFlow's XLA."""
    flags = environment.get(_FLAGS, "").split()
    return [flag for flag in flags if not flag.startswith(_FLAG)]


def _is_to_go(path):
    """Whether a file is damaged, or was left unsealed by a process that ended."""
    if path.suffix == _SEAL:
        return not path.with_suffix("").exists()
    if path.suffix == _SUFFIX:
        sealed = _seal_of(path).exists() and _seal_of(path).read_text(errors="replace")
        return sealed != digests.of_file(path)
    return time.time() - path.stat().st_mtime > _WRITING


def _seal_of(entry):
    return entry.with_name(entry.name + _SEAL)
