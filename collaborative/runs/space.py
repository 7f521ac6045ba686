"""Whether the disk has room for what experiments write: looked up before they start."""

from __future__ import annotations

import pathlib

from rich.filesize import decimal

from collaborative.system.errors import UserError
from collaborative.system.limits import free_disk

# Bytes that an experiment of which nothing is known takes while it runs; {ST, M} 15 MB.
ASSUMED = 16e6
# A run in terms of its model, saved with the optimizer's state: two checkpoints, and
# the next one or the model. Each may be a sixth larger than its values.
COPIES = 3.5
# Bytes of curves and records, and of statistics and scalars an epoch.
FIXED, AN_EPOCH = 1e6, 4e3


class DiskFull(UserError):
    """The disk has too little room; one line for a person."""


def needed(values, epochs):
    """Bytes that a run takes at most.

    Args:
        values: bytes of the variables of its model and optimizer.
        epochs: how many it has in all.
    """
    return COPIES * values + FIXED + AN_EPOCH * epochs


def check(run_dir, need):
    """Compares what a run takes with the room for it.

    Args:
        run_dir: its directory; what lies there already counts as room.
        need: bytes that it takes at most.

    Raises:
        DiskFull: where that is more than there is.
    """
    line = shortage(run_dir, need - size_of(run_dir))
    if line:
        raise DiskFull(line)


def shortage(directory, need, what="the run needs"):
    """What to say where a disk has less room than is needed: one line, or None."""
    free = free_disk(directory)
    if free >= need:
        return None
    return (
        f"too little room in {directory}: {what} {decimal(int(need))}, and "
        f"{decimal(free)} are free: make room, and the same command goes on"
    )


def size_of(directory):
    """Bytes of the files in a directory and below it; 0 where there is none."""
    return sum(
        path.stat().st_size
        for path in pathlib.Path(directory).rglob("*")
        if path.is_file()
    )
