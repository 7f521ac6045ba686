"""What the commands have in common: flags and one-line errors."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys

from absl import flags

from collaborative.system import interruption, libraries, plugins
from collaborative.system.errors import UserError
from collaborative.system.words import printable

# Flags that are paths: where the shell leaves a ~ as it is, as in --log_dir=~/logs.
_PATHS = (
    "log_dir",
    "output_dir",
    "run",
    "compare",
    "onnxruntime_web",
    "init_from",
    "model",
    "plugin",
    "data",
    "labels",
    "data_dir",
    "manual_dir",
)

_DIRECTORIES = ("log_dir", "output_dir")

DATA, CODE = "data", "your own code"  # where --help shows the flags that are shared


def define_data_flags(flag_values):
    """Defines the flags of a command that say where data sets are."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "Directory of prepared data sets. Default: that of TensorFlow Datasets.",
        flag_values=flag_values,
        module_name=DATA,
    )
    flags.DEFINE_string(
        "manual_dir",
        None,
        "Directory with archives of notMNIST. Default: <data_dir>/downloads/manual.",
        flag_values=flag_values,
        module_name=DATA,
    )


def define_plugin_flag(flag_values):
    """Defines the flag of a command that may meet what a person has registered."""
    flags.DEFINE_string(
        "plugin",
        None,
        "A Python file that registers costs, networks, callbacks, topologies or "
        "schedules of your own, see collaborative.register, register_network, "
        "register_callback, register_topology and register_schedule.",
        flag_values=flag_values,
        module_name=CODE,
    )


def parse(argv, flag_values, description, arguments=False, needed=None):
    """Parses a command line; shows the help or a one-line error and leaves.

    Args:
        argv: the command line, the program's name first; None is that of the process.
        flag_values: the command's absl `FlagValues`, which are set.
        description: what `--help` shows above the flags.
        arguments: whether the command takes any that are no flags.
        needed: name of a flag that must be given.

    Returns:
        The arguments that are no flags.
    """
    libraries.settle()
    argv = sys.argv if argv is None else argv
    if {"--help", "-help", "-h"} & set(argv[1:]):
        # python -OO leaves no description.
        groups = map(flag_values.module_help, flag_values.flags_by_module_dict())
        show("\n".join([description or "", *groups]))
        sys.exit(0)
    try:
        found = flag_values(argv)[1:]
    except (flags.Error, ValueError, RecursionError) as error:
        fail(_in_words(error, flag_values), 2)
    _refuse_nan(flag_values)
    _settle_paths(flag_values)
    found = [os.path.expanduser(argument) for argument in found]
    if needed and not flag_values[needed].value:
        fail(f"--{needed} is needed: {flag_values[needed].help}", 2)
    if found and not arguments:
        fail(f"got {found[0]!r}, which is no flag; see --help", 2)
    if "plugin" in flag_values and flag_values.plugin:
        flag_values.plugin = os.path.abspath(flag_values.plugin)
        with one_line_errors(flag_values.plugin, "interrupted in the plugin"):
            plugins.run(flag_values.plugin)
    return found


def _in_words(error, flag_values):
    """What a flag must be and what came, where absl gives Python's own words."""
    head = str(error).removesuffix(f": {error.__context__}")
    name, _, value = head.removeprefix("flag --").partition("=")
    match error:
        case flags.IllegalFlagValueError() if name in flag_values:
            return f"--{name} must be {_wanted(flag_values[name])}, got {_short(value)}"
        case flags.UnrecognizedFlagError():
            return _no_flag(error, flag_values)
        case RecursionError():  # absl's, as it looks for names that are alike
            return "there is no flag of so long a name; see --help"
        case flags.CantOpenFlagFileError():
            why = f"{error.__context__.strerror}: {error.__context__.filename}"
            return f"--flagfile must be a file of flags: {why}"
        case UnicodeDecodeError():
            return "--flagfile must be a file of flags, got one that is no UTF-8 text"
    return error  # such as of --noaugment=1, which says it well


def _no_flag(error, flag_values):
    """That there is no such flag, and what may be meant."""
    _, _, alike = str(error).removesuffix(" ?").partition("Did you mean: ")
    meant = " or ".join(f"--{other}" for other in alike.split(", ") if other)
    guess = f"did you mean {meant}?" if meant else "see --help"
    name, _, value = error.flagname.partition(" ")
    if name in flag_values:  # a line of a flag file
        guess = f"did you mean --{name}={value.strip()}?"
    return f"there is no flag {_short('--' + error.flagname)}; {guess}"


def _wanted(flag):
    """What completes "must be"."""
    values = getattr(flag.parser, "enum_values", ())
    known = f"one of {', '.join(values)}" if values else flag.parser.syntactic_help
    return known or "true or false"


def _short(value):
    """What came, quoted, and not thousands of characters of it."""
    return repr(value if len(value) <= 80 else f"{value[:77]}...")


def _refuse_nan(flag_values):
    """Leaves with a line where a number with bounds is NaN, which absl lets pass."""
    for name in flag_values:
        flag = flag_values[name]
        has_bounds = getattr(flag.parser, "lower_bound", None) is not None
        if has_bounds and flag.value != flag.value:
            fail(f"--{name} must be {_wanted(flag)}, got 'nan'", 2)


def _settle_paths(flag_values):
    """Expands the flags that are paths; leaves with a line where one cannot be.

    A directory cannot, where it or a parent of it is a file; and none can that is
    empty, which a shell makes of a variable that is not set.
    """
    for name in _PATHS:
        if name not in flag_values or flag_values[name].value is None:
            continue
        if not flag_values[name].value:
            fail(f"--{name} must be a path, got ''", 2)
        path = flag_values[name].value = os.path.expanduser(flag_values[name].value)
        if name not in _DIRECTORIES:
            continue
        for part in (path, *pathlib.Path(path).parents):
            if os.path.isfile(part):  # which never raises
                fail(f"--{name} must be a directory, got the file {part}", 2)


def show(text):
    """Prints a result, as much of it as its reader, such as head, wants to see.

    Characters that the locale cannot print are escaped by backslashes.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = str(text).encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error, status):
    """Leaves with an exit status and one line that says why, of bearable length."""
    said = printable(error)
    if len(said) > 2000:
        said = f"{said[:1000]} ... {said[-500:]}"
    with contextlib.suppress(OSError):  # on a full disk
        print(f"{os.path.basename(sys.argv[0])}: {said}", file=sys.stderr)
    sys.exit(status)


@contextlib.contextmanager
def one_line_errors(place, interrupted):
    """Ends the command with one line for what a person can put right in the block.

    Args:
        place: what the system's errors that name no file are about.
        interrupted: what is said after Ctrl-C or SIGTERM.
    """
    try:
        with interruption.raising():
            yield
    except interruption.Interrupted as error:
        fail(interrupted, error.status)
    except UserError as error:
        fail(error, error.status)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = ": make room, and the same command goes on" if full else ""
        fail(f"{error.strerror or error}: {error.filename or place}{advice}", 1)
