"""What XLA compiled, kept for later processes in TensorFlow's cache, under seals.

Where COLLABORATIVE_XLA_CACHE names a directory, an experiment starts sooner with
another seed, or when it goes on. TensorFlow 2.21 runs what an entry holds, and ends
where it cannot read one. So each entry has a seal, the digest of its content, and what
has none, or another, is removed before TensorFlow looks: it is compiled again.
"""

from __future__ import annotations

import contextlib
import os
import pathlib

from collaborative.system import digests, files
from collaborative.system.errors import UserError

VARIABLE = "COLLABORATIVE_XLA_CACHE"
_FLAGS = "TF_XLA_FLAGS"
_FLAG = "--tf_xla_persistent_cache_directory="
_ENTRIES = "xla_compile_cache*.pb"
_SEAL = ".sha256"
_NAMES_APART = 1_000_000  # more than are made before a training


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
    if not environment.get(VARIABLE):
        return
    folder = _own(os.path.abspath(os.path.expanduser(environment[VARIABLE])))
    for entry in folder.glob(_ENTRIES):
        if not _is_sealed(entry):
            entry.unlink(missing_ok=True)
            _seal_of(entry).unlink(missing_ok=True)
    others = environment.get(_FLAGS, "").split()
    if f"{_FLAG}{folder}" not in others:
        environment[_FLAGS] = " ".join([*others, f"{_FLAG}{folder}"])


def align_names(environment=os.environ):
    """Gives what is traced from here on the names that it has in other processes.

    TensorFlow finds an entry by the name of its function, which ends in a number that
    counts tensors and functions (`findings/cache_by_what_came_before.sh`). To prepare
    data, or to go on from a checkpoint, makes some: all start from a round number.
    """
    if environment.get(VARIABLE):
        from tensorflow.python.framework import ops

        for _ in range(-ops.uid() % _NAMES_APART):
            ops.uid()


def seal(environment=os.environ):
    """Seals the entries that have been written since `use`."""
    if not environment.get(VARIABLE):
        return
    folder = pathlib.Path(environment[VARIABLE]).expanduser()
    for entry in folder.glob(_ENTRIES):
        # Another process may remove it, or seal it, at the same time.
        with contextlib.suppress(OSError):
            if not _seal_of(entry).exists():
                with files.replacing(_seal_of(entry)) as path:
                    path.write_text(digests.of_file(entry), encoding="ascii")


def _own(path):
    """The directory, made if need be, into which its owner alone can write."""
    folder = pathlib.Path(path)
    if any(letter.isspace() for letter in path):
        raise UnusableCache(f"{VARIABLE} must be a path without spaces, got {path!r}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        said = f"{error.strerror}: {error.filename}"
        raise UnusableCache(f"{VARIABLE} must be a directory: {said}") from error
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise UnusableCache(
            f"others can write to {folder}, and its programs are run: {VARIABLE} must "
            "name a directory of your own (chmod go-w)"
        )
    return folder


def _seal_of(entry):
    return entry.with_name(entry.name + _SEAL)


def _is_sealed(entry):
    try:
        seal_on_it = _seal_of(entry).read_text(encoding="ascii")
        return seal_on_it == digests.of_file(entry)
    except (OSError, UnicodeError):
        return False
