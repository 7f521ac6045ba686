"""Files that come with the project: beside its modules, in a checkout and installed."""

from __future__ import annotations

import pathlib

import collaborative

_PACKAGE = pathlib.Path(collaborative.__file__).parent
# The folder of the checkout that this code runs in; None where it is installed.
CHECKOUT = None if (_PACKAGE / "models.py").exists() else _PACKAGE.parent


def command_to_train():
    """The words that begin it."""
    return ["python", "run_experiments.py"] if CHECKOUT else ["collaborative-train"]


def command_to_install(extra):
    """The command that installs what an optional part of this project needs."""
    editable = "-e " if CHECKOUT else ""
    return f"python -m pip install {editable}'.[{extra}]', in this project's folder"


def find(name):
    """The path of a file of the project: its path in a checkout is `name`."""
    return (CHECKOUT or _PACKAGE) / name
