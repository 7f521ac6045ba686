"""Files that are whole or not there: a reader never sees half of one."""

from __future__ import annotations

import contextlib
import os
import pathlib

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def replacing(path):
    """Writes a file under a temporary name and renames it when it is complete.

    Args:
        path: the file to make or to replace.

    Yields:
        The temporary path beside it, with the same suffix. When the block ends without
        an error the data is flushed to the disk and takes the name `path`; otherwise it
        is removed and `path` stays as it was.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporary(directory):
    """Removes what a killed process left half written in `directory`."""
    for path in pathlib.Path(directory).glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
