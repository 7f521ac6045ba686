"""Names of classes in a text file, one a line, as mobile toolkits have them."""

from __future__ import annotations

import pathlib

from collaborative.system.errors import UserError, reason_of

NAME = "labels.txt"
LARGEST = 2**20  # bytes


class UnusableLabels(UserError):
    """A file that holds no names of classes; one line for a person."""

    status = 2


def read(path):
    """The names in a file, in the order of the classes.

    A number before each name, as in "0 cat", is left out where it counts the lines.

    Raises:
        UnusableLabels: where it cannot be read, or holds no names.
    """
    path = pathlib.Path(path)
    try:
        if path.is_fifo():  # it would be read for ever
            raise UnusableLabels(f"{path} is a pipe, no file of names")
        if path.stat().st_size > LARGEST:
            raise UnusableLabels(f"{path} is too large for names of classes")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise UnusableLabels(
            f"{path} holds no names of classes: {reason_of(error)}"
        ) from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UnusableLabels(f"{path} holds no names of classes: it is empty")
    pairs = [name.split(maxsplit=1) for name in names]
    if all(len(p) == 2 and p[0] == str(i) for i, p in enumerate(pairs)):
        names = [name for _, name in pairs]
    return tuple(names)


def write(directory, names):
    """Writes `labels.txt` into a directory."""
    lines = [" ".join(name.split()) or "_" for name in names]
    path = pathlib.Path(directory, NAME)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def of_model(path, given, count):
    """The names of a model's classes: from a file, or as numbers.

    Args:
        path: of the model; a `labels.txt` beside it counts where none is given.
        given: the file, or None.
        count: how many classes the model has.

    Raises:
        UnusableLabels: as `read`, or where the file has another number of names.
    """
    beside = pathlib.Path(path).parent / NAME
    file = given or (beside if beside.is_file() else None)
    if not file:
        return tuple(map(str, range(count)))
    return checked(file, count)


def checked(file, count):
    """The names in a file, so many.

    Raises:
        UnusableLabels: as `read`, or where it has another number of names.
    """
    names = read(file)
    if len(names) != count:
        raise UnusableLabels(
            f"{file} has {len(names)} names, and the model {count} classes"
        )
    return names
