"""What there is to work with: files that come with the project, and memory."""

from __future__ import annotations

import pathlib
import re

import psutil

import collaborative

_PACKAGE = pathlib.Path(collaborative.__file__).parent
# The folder of the checkout that this code runs in; None where it is installed.
CHECKOUT = None if (_PACKAGE / "models.py").exists() else _PACKAGE.parent


def find(name):
    """The path of a file of the project: its path in a checkout is `name`."""
    return (CHECKOUT or _PACKAGE) / name


def available_memory(groups="/sys/fs/cgroup", own="/proc/self/cgroup"):
    """Bytes of memory that can still be taken here.

    Of the machine, and of each control group (version 2) that this process is in, as
    containers and clusters limit it. Cached files that are not in use count as free.

    Args:
        groups: where the control groups are mounted.
        own: the file that says in which of them this process is.
    """
    left = [psutil.virtual_memory().available]
    for folder in _control_groups(pathlib.Path(groups), pathlib.Path(own)):
        try:
            limit, used = (
                int((folder / f"memory.{name}").read_text())
                for name in ("max", "current")
            )
            statistics = (folder / "memory.stat").read_text()
        except (OSError, ValueError):  # no such controller; "max" is no limit
            continue
        cached = re.search(r"^inactive_file (\d+)$", statistics, re.MULTILINE)
        left.append(limit - used + int(cached[1] if cached else 0))
    return max(0, min(left))


def _control_groups(root, own):
    """The folders of this process's control group and of those above it."""
    try:
        found = re.search(r"^0::/(.*)$", own.read_text(), re.MULTILINE)
    except OSError:
        return []
    if not found:
        return []
    folder = root / found[1]
    return [folder, *(p for p in folder.parents if p.is_relative_to(root))]
