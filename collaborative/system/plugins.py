"""A person's Python file that registers costs, networks, callbacks: `--plugin FILE`.

It is run once, before anything else is done, as the module `plugin`. What it was, its
name and a hash, is recorded with the runs that it is given to.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import traceback

from collaborative.system import digests, registry, streams
from collaborative.system.errors import UserError, reason_of

MODULE = "plugin"  # where dataclasses, and Keras's loading, look for what it defines
_given = []  # marks of the files that this process has run
_paths = []  # of the same files


class UnusablePlugin(UserError):
    """A file that cannot be run; the message is one line for a person."""

    status = 2


def given():
    """The `digests.mark_of` of each plugin that this process has run."""
    return list(_given)


def said_by(error):
    """What to tell of an error that a plugin's code raised later; "" for any other."""
    for path in _paths:
        if line := _line(error, path):
            said = f"{type(error).__name__}: {reason_of(error)}"
            return f"--plugin {path}{line}: {said}"
    return ""


def run(path):
    """Runs a plugin for what it registers.

    Raises:
        UnusablePlugin: where there is no such file, or it does not run to its end.
    """
    if not os.path.isfile(path):
        found = "and there is no"
        if os.path.exists(path):
            is_directory = os.path.isdir(path)
            found = "got the directory" if is_directory else "got what is no file,"
        raise UnusablePlugin(f"--plugin must be a Python file, {found} {path}")
    streams.start_tensorflow()  # which the file will import
    loader = importlib.machinery.SourceFileLoader(MODULE, path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(MODULE, loader)
    )
    sys.modules[MODULE] = module
    try:
        mark = digests.mark_of(path)
        with registry.each_name_once():
            loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever that file does
        said = f"{type(error).__name__}: {reason_of(error)}"
        raise UnusablePlugin(f"--plugin {path}{_line(error, path)}: {said}") from error
    if mark not in _given:
        _given.append(mark)
    if path not in _paths:
        _paths.append(path)


def _line(error, path):
    """Where in the file an error arose, as ", line 3"; "" where it is not known."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    return f", line {lines[-1]}" if lines else ""
