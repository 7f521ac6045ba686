"""Turns the logs of runs into the paper's tables and figures, and a report.

    python analysis.py --log_dir logs --output_dir report

writes report/index.html, one page that needs nothing else, and beside it the tables
(LaTeX, Markdown, CSV), the figures (PNG, SVG) and the paper's claims checked on these
runs. `--paper` does the same with the author's own logs. Runs are only read.
"""

from __future__ import annotations

import functools
import json
import pathlib
import sys
import tempfile

from absl import flags
from etils import epy

import command_line
from experiments import ExperimentConfig
from records import UnreadablePickle, read_statistics

with epy.lazy_imports():  # so that the help and a wrong flag are answered at once
    import pandas as pd

    import quality
    import reference
    import report

# Not absl's global flags, as in run_experiments.
FLAGS = flags.FlagValues()
LARGEST_CONFIG = 2**20  # bytes

define_bool, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (flags.DEFINE_bool, flags.DEFINE_string)
)

define_string("log_dir", "logs", "Directory below which the runs lie.")
define_string("output_dir", "report", "Where the report is written.")
define_bool("paper", False, "Take the author's own logs in place of --log_dir.")
command_line.define_data_flags(FLAGS)
command_line.define_costs_flag(FLAGS)
define_bool("images", True, "Show sample images and the PCA of MNIST.")
define_bool("latency", True, "Measure the time that ST, M and the ensemble take.")


class AnalysisError(Exception):
    """An analysis that cannot be: one line for the person who asked for it."""


class _LeftOut(Exception):
    """A run that is not read, and why."""


def load_runs(log_dir, say=print):
    """Reads the finished runs below a directory.

    Args:
        log_dir: the directory; runs lie anywhere below it.
        say: is called with a line for each file that is damaged, foreign or of a run
            that is not finished, and for each second copy of a run; these are left out.

    Returns:
        A DataFrame with a row for each run, model ("ST", ..., "ensemble") and epoch
        (from 1). Columns are `reference.COLUMNS`: the settings of `ExperimentConfig`;
        `setting`, how they deviate from the paper's ("" where they do not); the errors
        (fractions) and costs, of training as the epoch's mean and as the paper's
        running mean; and where the run came from.

    Raises:
        AnalysisError: where there is no such directory.
    """
    log_dir = pathlib.Path(log_dir)
    if not log_dir.is_dir():
        raise AnalysisError(
            f"there is no directory {log_dir}: give the --log_dir of run_experiments.py"
        )
    parts, seen = [], {}
    for path in _run_files(log_dir):
        name = path.relative_to(log_dir)
        try:
            part = _load_run(path, str(name.parent))
            identity = _identity(part)
            if identity in seen:
                raise _LeftOut(f"the same experiment as {seen[identity]}")
        except (_LeftOut, UnreadablePickle, OSError) as error:
            reason = str(error).removeprefix(f"{path}: ").replace("\n", " ")
            say(f"left out {name}: {reason}")
            continue
        seen[identity] = name
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=list(reference.COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _run_files(log_dir):
    """Each file of statistics, and each `config.json` that has none beside it."""
    return [
        path
        for path in sorted({*log_dir.rglob("*.pkl"), *log_dir.rglob("config.json")})
        if path.name != "config.json" or not (path.parent / "stats.pkl").exists()
    ]


def _identity(part):
    """All settings of a run that say what is computed."""
    settings = set(ExperimentConfig.__dataclass_fields__) - set(reference.IMMATERIAL)
    return tuple(part[sorted(settings)].iloc[0])


def _load_run(path, run):
    """The rows of one run, from the path of its `stats.pkl`."""
    if path.name == "config.json":
        raise _LeftOut("there is no stats.pkl beside it; no epoch was finished")
    if path.name != "stats.pkl":
        raise _LeftOut("not a file of a run")
    statistics = read_statistics(path)
    config, content = _read_config(path.with_name("config.json"))
    if config.differences(statistics["params"]):
        raise _LeftOut("config.json beside it is of another run")
    if statistics["end_time"] is None:
        done = len(statistics.get("seconds", ()))
        raise _LeftOut(f"not finished: {done} of {config.epochs} epochs")
    columns = reference.config_columns(config) | {
        "setting": reference.deviations(config),
        "run": run,
        **_origin(content),
        "seconds": float(sum(statistics.get("seconds", ()))),
        "epoch": range(1, config.epochs + 1),
    }
    parts = []
    for model, curves in statistics["models"].items():
        measured = {n: curves.get(n) for n in reference.MEASURED + reference.RUNNING}
        if config.validation:
            measured[reference.CHOSEN_BY] = curves.get(reference.CHOSEN_BY)
        if any(v is None or v.shape != (config.epochs,) for v in measured.values()):
            raise _LeftOut(f"no whole curves of {model} over {config.epochs} epochs")
        parts.append(pd.DataFrame(columns | measured | {"model": str(model)}))
    if not parts:
        raise _LeftOut("no models in it")
    return pd.concat(parts).reindex(columns=list(reference.COLUMNS))


def _read_config(path):
    """The `ExperimentConfig` and everything that a `config.json` holds."""
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        config = ExperimentConfig(**content["config"])
        if not isinstance(config.dataset, str):
            raise TypeError("the data set has no name")
        return config, content
    except FileNotFoundError:
        raise _LeftOut("there is no config.json beside it") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        first_line = str(error).partition("\n")[0]
        raise _LeftOut(f"config.json beside it is damaged ({first_line})") from error


def _origin(content):
    """Where a run came from, as text, from the content of its `config.json`."""
    versions, command = content.get("versions"), content.get("command")
    if isinstance(versions, dict):
        versions = ", ".join(f"{name} {number}" for name, number in versions.items())
    if isinstance(command, list):
        command = " ".join(map(str, command))
    return {
        "command": str(command or ""),
        "versions": str(versions or ""),
        "revision": str(content.get("git_revision") or ""),
        "device": str(content.get("device") or ""),
    }


def run():
    """Makes the report that the parsed flags ask for, and says where it is."""
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output_dir):
        pass  # a directory that cannot be written is known before the work
    left_out = []
    runs = reference.paper_runs() if FLAGS.paper else load_runs(
        FLAGS.log_dir, left_out.append
    )  # fmt: skip
    for line in left_out:
        print(line)
    if runs.empty:
        raise AnalysisError(
            f"no finished run below {FLAGS.log_dir}: make one with run_experiments.py "
            "--log_dir, or take the author's with --paper"
        )
    number = runs["run"].nunique()
    names = ", ".join(runs["dataset"].unique())
    print(f"{number} run{'s' * (number > 1)} on {names}")
    if FLAGS.images or FLAGS.latency:
        command_line.start_tensorflow()
    places = {"data_dir": FLAGS.data_dir, "manual_dir": FLAGS.manual_dir}
    path = report.write(
        runs,
        output_dir,
        records={} if FLAGS.paper else quality.load(runs, FLAGS.log_dir),
        left_out=left_out,
        is_paper=FLAGS.paper,
        places=places if FLAGS.images else None,
        latency=FLAGS.latency,
    )
    print(path)


def main(argv):
    """The command; returns its exit status."""
    command_line.parse(argv, FLAGS, __doc__)
    try:
        run()
    except AnalysisError as error:
        command_line.fail(error, 1)
    except OSError as error:
        command_line.fail_from_system(error, FLAGS.output_dir)
    except KeyboardInterrupt:
        command_line.fail("interrupted; the report is not complete", 130)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
