"""Turns the logs of runs into the paper's tables and figures, and a report.

    python analysis.py --log_dir logs --output_dir report

writes report/index.html, one page that needs nothing else, and beside it the tables
(LaTeX, Markdown, CSV), the figures (PNG, SVG) and the paper's claims checked on these
runs. `--paper` does the same with the author's own logs. Runs are only read.
"""

from __future__ import annotations

import functools
import gc
import pathlib
import sys
import tempfile

from absl import flags
from etils import epy

from collaborative.data import own_names
from collaborative.runs import author_runs, run_table
from collaborative.system import command_line, streams
from collaborative.system.words import counted

with epy.lazy_imports():  # so that the help and a wrong flag are answered at once
    from collaborative.report import exports as run_exports
    from collaborative.report import page
    from collaborative.report import records as run_records

# Not absl's global flags, as in run_experiments.
FLAGS = flags.FlagValues()

define_bool, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (flags.DEFINE_bool, flags.DEFINE_string)
)

define_string("log_dir", "logs", "Directory below which the runs lie.")
define_string("output_dir", "report", "Where the report is written.")
define_bool("paper", False, "Take the author's own logs in place of --log_dir.")
command_line.define_data_flags(FLAGS)
command_line.define_plugin_flag(FLAGS)
define_bool("images", True, "Show sample images and the PCA of MNIST.")
define_bool("latency", True, "Measure the time that ST, M and the ensemble take.")


def run():
    """Makes the report that the parsed flags ask for, and says where it is."""
    gc.set_threshold(100_000)  # of the many objects of a figure few are garbage
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output_dir):
        pass  # a directory that cannot be written is known before the work
    page.check_place(output_dir)
    runs, left_out = _runs()
    if FLAGS.images or FLAGS.latency:
        streams.start_tensorflow()
    records, exports = {}, None
    if not FLAGS.paper:
        records = run_records.load(runs, FLAGS.log_dir, command_line.show)
        exports = run_exports.load(runs, FLAGS.log_dir, command_line.show)
    places = {"data_dir": FLAGS.data_dir, "manual_dir": FLAGS.manual_dir}
    path = page.write(
        runs,
        output_dir,
        records=records,
        exports=exports,
        left_out=left_out,
        is_paper=FLAGS.paper,
        places=places if FLAGS.images else None,
        latency=FLAGS.latency,
    )
    command_line.show(path)


def _runs():
    """The runs that the report is of, and a line for each that is left out.

    Raises:
        NoRuns: where there are none.
    """
    left_out = []
    if FLAGS.paper:
        runs = author_runs.load()
    else:
        runs = run_table.load_runs(FLAGS.log_dir, left_out.append)
    for line in left_out:
        command_line.show(line)
    if runs.empty:
        raise run_table.NoRuns(
            f"no finished run below {FLAGS.log_dir}: make one with run_experiments.py "
            "--log_dir, or take the author's with --paper"
        )
    number = runs["run"].nunique()
    names = ", ".join(map(own_names.short_name, runs["dataset"].unique()))
    command_line.show(f"{counted(number, 'run')} on {names}")
    return runs, left_out


def main(argv=None):
    """The command; returns its exit status."""
    command_line.parse(argv, FLAGS, __doc__)
    interrupted = "interrupted; the report is not complete"
    with command_line.one_line_errors(FLAGS.output_dir, interrupted):
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
