"""Takes a member, or the ensemble, out of a finished run for use without this code.

    python export.py --run logs/digits/ST-M/L2_0.01/seed_912 --member ST --format onnx

writes a directory with the artifact, a model card and metadata.json, after the artifact
was run on test images in a fresh process that has none of this code. What fails that
check is removed. The table at the end has all artifacts of the output directory.

A Keras model file of yours, an ensemble or one network, is exported the same way, on
labelled pictures of yours:

    python export.py --model my_ensemble.keras --data my_pictures --format litert

With --quantize int8 or float16 the answers to all test images are compared with
float32's: of the images that only one of them gets right, as many should be lost as
gained. What loses more than --tolerance points of error, clearly so (exact McNemar
test, one-sided, p < 0.05), is refused; a loss that the images leave open is reported,
in the card too.

With --format all it writes each format whose packages are installed, checks each, and
ends with a table of them, which is left as a file beside them.

With --format web the artifact is one HTML file, which a browser runs from disk; with
--compare RUN it shows the same network of another run, and the ensemble, beside it.
With --onnxruntime_web DIR it computes by ONNX Runtime, which has more layers.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import sys

from absl import flags
from etils import epy

from collaborative.deployment import artifact_table, formats, labels, runtimes
from collaborative.runs.run import load_data, read_finished
from collaborative.system import command_line, run_files, streams

with epy.lazy_imports():  # they import TensorFlow, which takes seconds
    from collaborative.deployment import artifacts, every_format, model_source
    from collaborative.deployment.web import onnx_runtime
    from collaborative.runs import trained_model
    from collaborative.system import environment

FLAGS = flags.FlagValues()
define_bool, define_enum, define_float, define_integer, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (
        flags.DEFINE_bool,
        flags.DEFINE_enum,
        flags.DEFINE_float,
        flags.DEFINE_integer,
        flags.DEFINE_string,
    )
)

define_string("run", None, "Directory of the finished run.")
define_string("model", None, "In its place: a Keras model file of yours, with --data.")
define_string(
    "data",
    None,
    "Labelled pictures to check the model on: a folder with a folder for each class, "
    "an .npz file, or another data set, as --dataset of run_experiments.py takes them.",
)
define_string(
    "labels",
    None,
    "File with the names of the model's classes, one a line in its order. Default: "
    "those of the run or the data.",
)
define_string(
    "member",
    "ensemble",
    "Name of a member, such as ST or M, or ensemble: all of them. One network alone "
    "need not be named.",
)
ALL = "all"
define_enum(
    "format",
    "keras",
    [*formats.FILES, ALL],
    "What to write; all: in each format whose packages are installed.",
)
define_integer(
    "batch",
    None,
    f"Images that it takes at once ({', '.join(formats.WITH_BATCH)}), as some runtimes "
    "of phones and boards want. Default: any number.",
    lower_bound=1,
    upper_bound=runtimes.BATCH,  # as it is checked; converters crash on a billion
)
define_bool("softmax", False, "Let it return probabilities instead of logits.")
define_enum(
    "quantize",
    None,
    list(formats.QUANTIZABLE),
    "Compute with 8-bit integers inside (litert, onnx), or keep weights of 16 bits "
    "(litert, openvino, coreml). Refused where it clearly answers worse than float32, "
    "which of coreml cannot be seen here; see --tolerance.",
)
define_float(
    "tolerance",
    0.5,
    "Percentage points of test error that --quantize may clearly lose; 100: any.",
    lower_bound=0.0,
    upper_bound=100.0,
)
define_string(
    "compare",
    None,
    "With --format web: a second run, such as one trained apart. The page shows its "
    "member of that name, and the ensemble of --run, beside the first.",
)
define_string(
    "onnxruntime_web",
    None,
    "With --format web: the folder of npm's package onnxruntime-web. ONNX Runtime then "
    "computes in the page, which has more layers than the page's own interpreter.",
)
define_string(
    "output_dir",
    None,
    "Where artifacts go. Default: export in the run, or beside the model.",
)
define_string(
    "license",
    "unknown",
    "Licence of what is exported, for its card: a short name as Hugging Face's hub has "
    "them, such as mit.",
)
command_line.define_data_flags(FLAGS)
command_line.define_plugin_flag(FLAGS)


def parse_flags(argv):
    """Parses the command line; shows the help or a one-line error and leaves."""
    command_line.parse(argv, FLAGS, __doc__)
    if bool(FLAGS.run) == bool(FLAGS.model):
        command_line.fail(
            "give --run, the directory of a finished run, or --model with --data", 2
        )
    if bool(FLAGS.model) != bool(FLAGS.data):
        command_line.fail(
            "--model and --data, labelled pictures that it is checked on, belong "
            "together",
            2,
        )
    if FLAGS.quantize:
        _check_format(
            f"--quantize {FLAGS.quantize}", formats.QUANTIZABLE[FLAGS.quantize]
        )
    elif FLAGS["tolerance"].present and FLAGS.format != ALL:
        command_line.fail("--tolerance is for --quantize: leave it out", 2)
    if FLAGS.batch:
        _check_format("--batch", formats.WITH_BATCH)
    for name in ("compare", "onnxruntime_web"):
        if FLAGS[name].value:
            _check_format(f"--{name}", ["web"])


def _check_format(flag, possible):
    """Leaves with one line where the format is none of those that a flag is for."""
    if FLAGS.format not in (*possible, ALL):
        command_line.fail(
            f"{flag} works with --format {' or '.join(possible)}, got {FLAGS.format}", 2
        )


def check_member(run):
    """Leaves with one line where there is no such member."""
    if FLAGS.member not in run.predictor_names:
        command_line.fail(
            f"--member must be one of {', '.join(run.predictor_names)} in "
            f"{run.run_dir}, got {FLAGS.member!r}",
            2,
        )


def read_source():
    """What is exported: the `runs.run.FinishedRun`, or a file's `ModelSource`."""
    if FLAGS.model:
        streams.start_tensorflow()
        return model_source.open_source(
            FLAGS.model, FLAGS.data, FLAGS.labels, FLAGS.data_dir, FLAGS.manual_dir
        )
    return renamed(read_finished(FLAGS.run))


def renamed(run):
    """A `runs.run.FinishedRun` with its classes named as --labels has them."""
    if not FLAGS.labels:
        return run
    names = labels.checked(FLAGS.labels, len(run.class_names))
    if names != run.class_names and sorted(names) == sorted(run.class_names):
        command_line.fail(
            f"{FLAGS.labels} has the classes of {run.run_dir} in another order, and "
            f"its network gives {', '.join(run.class_names[:5])}...: list them so, or "
            "leave --labels out",
            2,
        )
    return dataclasses.replace(run, class_names=names)


def opened(run):
    """(the trained model of a source, its `datasets.Dataset`)."""
    if FLAGS.model:
        return run.model, run.dataset
    data = load_data(run, FLAGS.data_dir, FLAGS.manual_dir)
    return trained_model.load(run.model_path, run.config.member_names), data


def read_runtime():
    """The `web.runtime.Runtime` of a page, or None; one line where a flag is wrong."""
    if not FLAGS.onnxruntime_web:
        return None
    formats.check_packages("onnx", writing=True)
    try:
        return onnx_runtime.read(FLAGS.onnxruntime_web)
    except onnx_runtime.NotThePackage as error:
        command_line.fail(str(error), 2)


def export(run, compared, web_runtime):
    """Writes and checks what the flags ask for, and shows where it is.

    Args:
        run: what `read_source` gives.
        compared: another one, see --compare, or None.
        web_runtime: what `read_runtime` gives.

    Returns:
        The text that the command ends with.
    """
    below = "" if FLAGS.model else run_files.EXPORTS
    output_dir = pathlib.Path(FLAGS.output_dir or run.run_dir / below)
    source = artifacts.Source(
        run, *opened(run), compared, web_runtime, FLAGS.tolerance, FLAGS.license
    )
    options = artifacts.Options(
        FLAGS.member, FLAGS.format, FLAGS.softmax, FLAGS.quantize, FLAGS.batch
    )
    if FLAGS.format == ALL:
        return every_format.export(source, options, output_dir)
    directory, _ = artifacts.export(source, options, output_dir)
    command_line.show(directory)
    return artifact_table.table(output_dir)


def main(argv=None):
    """The command; returns its exit status."""
    parse_flags(argv)
    several = FLAGS.format == ALL
    kept = "formats that were ready before stay" if several else "nothing was exported"
    place = FLAGS.output_dir or FLAGS.run or FLAGS.model
    with command_line.one_line_errors(place, f"interrupted; {kept}"):
        if not several:
            formats.check_packages(FLAGS.format, writing=True)
        web_runtime = read_runtime()
        run = read_source()
        if not FLAGS["member"].present and len(run.predictor_names) == 1:
            FLAGS.member = run.predictor_names[0]  # one alone need not be named
        check_member(run)
        if FLAGS.run:  # its card has them: what lacks them is refused at once
            run.test_scores(FLAGS.member)
        compared = FLAGS.compare and renamed(read_finished(FLAGS.compare))
        if compared:
            check_member(compared)
        streams.start_tensorflow()
        environment.allow_tf32(False)  # what is exported is compared in float32
        command_line.show(export(run, compared, web_runtime))
    return 0


if __name__ == "__main__":
    sys.exit(main())
