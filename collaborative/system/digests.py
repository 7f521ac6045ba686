"""SHA-256 of files and names: what tells one from another."""

from __future__ import annotations

import hashlib
import os
import pathlib


def of_file(path):
    """The digest of a file's content, which is never in memory as a whole.

    Raises:
        OSError: where it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mark_of(path):
    """What tells a file from another: its `file` name, `bytes` and `sha256`.

    Raises:
        OSError: where it cannot be read.
    """
    path = pathlib.Path(path)
    return {
        "file": path.name,
        "bytes": os.path.getsize(path),
        "sha256": of_file(path),
    }


def short(name):
    """Six characters that tell a name that is too long, such as a path, from others."""
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:6]
