"""Names of data sets of one's own: `folder:DIR` and `npz:FILE`.

A name holds an absolute path, so that it means the same wherever a run is started.
Where it would be a part of another path, or a heading, its short name stands for it.
"""

from __future__ import annotations

import os
import pathlib
import re

from collaborative.system import digests

FOLDER, NPZ = "folder", "npz"
_LONGEST = 40  # characters of a folder's name in a short name


def kind(name: str) -> str | None:
    """`FOLDER` or `NPZ`; None for the name of any other set."""
    prefix, colon, _ = name.partition(":")
    return prefix if colon and prefix in (FOLDER, NPZ) else None


def canonical(name: str) -> str:
    """The one way to write a name; that of another set is returned as it is.

    Raises:
        ValueError: for a name that cannot be; the message is one line for a person.
    """
    if name.casefold().endswith(".npz") and kind(name) is None:
        name = f"{NPZ}:{name}"
    if kind(name) is None:
        return name
    prefix, _, given = name.partition(":")
    if not given or "," in given:
        reason = "a comma, which separates data sets" if given else "nothing"
        raise ValueError(
            f"{prefix}: wants the path of your data after it, got {reason}: such as "
            f"{prefix}:{'my_pictures' if prefix == FOLDER else 'my_arrays.npz'}"
        )
    return f"{prefix}:{os.path.abspath(os.path.expanduser(given))}"


def path(name: str, data_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Where the data of a name lies: there, or under its last name in `data_dir`."""
    named = pathlib.Path(name.partition(":")[2])
    if data_dir and not named.exists():
        moved = pathlib.Path(os.path.expanduser(data_dir), named.name)
        return moved if moved.exists() else named
    return named


def title(name: str) -> str:
    """The name of the folder or the file alone, for people."""
    if kind(name) is None:
        return name
    found = path(name)
    return (found.stem if kind(name) == NPZ else found.name) or kind(name)


def short_name(name: str) -> str:
    """A name for a path or a heading: the title and a hash that tells paths apart.

    That of another set is returned as it is.
    """
    if kind(name) is None:
        return name
    plain = re.sub(r"[^\w.+=-]", "_", title(name))[:_LONGEST].lstrip(".-") or kind(name)
    return f"{plain}-{digests.short(name)}"
