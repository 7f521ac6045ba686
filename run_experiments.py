"""Trains collaborative ensembles and shows what came out.

    python run_experiments.py --dataset cifar10 --method L2 --alpha 0.01

trains the paper's ensemble {ST, M} as its section 5 describes. Lists of values, several
seeds, or a grid run many experiments, each in a process of its own:

    python run_experiments.py --grid paper --dataset cifar10 --seeds 912,913

A finished run is not run again, and an interrupted one goes on where it stood.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import shlex
import sys

from etils import epy

from collaborative import datasets
from collaborative.data import own_names
from collaborative.experiments import flags, plans, reference
from collaborative.experiments.flags import FLAGS
from collaborative.experiments.setting import ConfigError
from collaborative.nn import network_files
from collaborative.nn.callbacks import CALLBACKS
from collaborative.runs import code_record, data_record, failures, sweep_command
from collaborative.runs.run import DamagedRecord, read_record, read_start
from collaborative.runs.standings import standing
from collaborative.system import command_line, limits, run_files, streams, xla_cache
from collaborative.system.words import printable

OUT_OF_TIME = 124  # exit status, as of timeout(1)

with epy.lazy_imports():  # what a single run or a sweep alone needs
    import tensorflow as tf

    from collaborative import logger
    from collaborative.report import answer
    from collaborative.runs import planning
    from collaborative.training import compiled, progress, train


def main(argv=None):
    """The command; returns its exit status."""
    command_line.parse(argv, FLAGS, __doc__)
    interrupted = "interrupted; the same command goes on from there"
    with command_line.one_line_errors(FLAGS.log_dir, interrupted):
        configs = flags.configs()
        limit = math.inf if FLAGS.limit is None else planning.seconds_of(FLAGS.limit)
        is_sweep = len(configs) > 1 or FLAGS.ray or FLAGS.limit
        if is_sweep and FLAGS.overwrite:
            said = "--overwrite is for one experiment: move the runs away to start anew"
            command_line.fail(said, 2)
        if FLAGS.dry_run:
            questions = flags.questions()
            jobs = sweep_command.jobs()
            command_line.show(planning.plan(configs, FLAGS.log_dir, jobs, questions))
            return 0
        check_what_is_named(configs)
        check_starts(configs)
        xla_cache.use()
        if is_sweep:
            return run_many(configs, limit)
        return run_one(configs[0])


def check_what_is_named(configs):
    """Refuses, before data are loaded, files that are no models and unknown callbacks.

    Raises:
        ConfigError: for the first of them that a run still needs.
    """
    for config in configs:
        files = filter(network_files.is_file, (*config.members, *config.teacher))
        try:
            for network in files:
                network_files.check(network)
            for name in config.callbacks:
                CALLBACKS.find(name)
        except ValueError as error:
            if not standing(config, FLAGS.log_dir).is_finished:
                raise ConfigError(str(error)) from error


def check_starts(configs):
    """Refuses, before anything is trained, runs that cannot be started from.

    Raises:
        UnusableRun: for the first `init_from` that a run still needs and cannot use.
    """
    checked = set()
    for config in configs:
        start = config.init_from, config.member_names
        if config.init_from is None or start in checked:
            continue
        if not standing(config, FLAGS.log_dir).is_finished:
            read_start(*start)
            checked.add(start)


def run_one(config):
    """Trains an experiment in this process and prints its closing table."""
    streams.start_tensorflow()
    threads = FLAGS.threads or (limits.core_count() if limits.has_quota() else None)
    if threads:  # TensorFlow looks at no quota
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    try:
        begun_below = None if FLAGS.overwrite else FLAGS.log_dir
        result = result_of(train.resolved(config, begun_below))
    except datasets.DatasetError as error:
        failures.record(config.run_dir(FLAGS.log_dir), str(error), of_data=True)
        raise
    paper = reference.paper_results(config)
    command_line.show(progress.closing_table(result.statistics, paper))
    if paper and (variations := ", ".join(config.variations())):
        print(f"not to be compared with the paper's numbers: {variations}")
    for name in (*run_files.CURVES.values(), run_files.MODEL):
        if (result.run_dir / name).exists():
            command_line.show(result.run_dir / name)
    return 0


def result_of(config):
    """Trains the experiment, or finds it finished; a `train.Result`."""
    if not FLAGS.overwrite:
        result = train.finished_result(config, FLAGS.log_dir)
        if result:
            has_model = (result.run_dir / run_files.MODEL).exists()
            what = "finished before" + ", its model is gone" * (not has_model)
            command_line.show(f"{what}: {result.run_dir} (--overwrite starts anew)")
            say_what_changed(config)
            return result
    if config.teacher:
        teach_first(config)
    return trained(config, FLAGS.overwrite)


def teach_first(config):
    """Trains the teacher of an experiment, which other ones may have, if it is not."""
    if train.finished_teacher(config, FLAGS.log_dir):
        say_what_changed(config.teacher_config)
    else:
        print(f"first its teacher: {','.join(config.teacher)}")
        trained(config.teacher_config)


def trained(config, overwrite=False):
    """Trains an experiment, from where it stands; a `train.Result`."""
    opening = progress.Opening(config, FLAGS.log_dir)
    try:
        with progress.Progress(config.epochs) as shown:
            result = train.train(
                config,
                load_dataset(config),
                FLAGS.log_dir,
                foreign=foreign_dataset(config),
                overwrite=overwrite,
                callbacks=[opening, shown, compiled.KeepCompiled()],
            )
        xla_cache.seal()
        return result
    except logger.TrainingDiverged as error:
        failures.record(config.run_dir(FLAGS.log_dir), str(error))
        raise


def say_what_changed(config):
    """Says where data or code of one's own is not what a finished run had."""
    run_dir = config.run_dir(FLAGS.log_dir)
    try:
        record = read_record(run_dir)
    except (OSError, DamagedRecord):
        return
    changed = data_record.changed_since(config, record, FLAGS.data_dir)
    if changed:
        command_line.show(f"{run_dir} was trained on other data: {changed}")
    changed = code_record.changed_since(config, record)
    if changed:
        command_line.show(f"{run_dir} was trained before: {changed}")


def load_dataset(config):
    """Loads the images of an experiment and says what a person should know of them."""
    dataset = config.load_dataset(
        data_dir=FLAGS.data_dir,
        manual_dir=FLAGS.manual_dir,
        download=FLAGS.download,
        stream=FLAGS.stream,
    )
    sizes = [
        f"{len(getattr(dataset, part)):,} {part}"
        for part in ("train", "validation", "test")
        if len(getattr(dataset, part))
    ]
    own = own_names.kind(config.dataset) and config.split == "official"
    split = "" if own else f", {config.split} split"
    name = printable(dataset.name)
    command_line.show(f"{name}{split}: {', '.join(sizes)} images")
    for note in dataset.notes:
        command_line.show(note)
    return dataset


def foreign_dataset(config):
    """A data set of other classes with images of the same kind, or None.

    MNIST for notMNIST, and the other way round, where it is prepared.
    """
    other = datasets.spec(config.dataset).ood
    if other is None:
        return None
    places = {"data_dir": FLAGS.data_dir, "manual_dir": FLAGS.manual_dir}
    try:
        return datasets.load(other, image_size=config.size, **places)
    except datasets.NotPrepared:
        return None
    except datasets.DatasetError as error:
        print(f"without images of {other} to compare with: {error}")
        return None


def run_many(configs, limit=math.inf):
    """Runs experiments side by side and shows what they found; the exit status.

    Args:
        configs: the `ExperimentConfig`s, in the order in which they are started.
        limit: seconds after which it ends.
    """
    for config in configs:
        say_what_changed(config)
    swept = sweep_command.run(configs, limit)
    # Of a plan that had too little time, what it has not begun is a number alone.
    usual = ("finished", *["to do"] * swept.is_out_of_time)
    show_answer(configs, swept.failed, usual)
    if swept.stopped:
        command_line.fail(swept.stopped, 1)
    if swept.is_out_of_time:
        what = planning.left(configs, FLAGS.log_dir, sweep_command.jobs())
        command_line.show(f"{what}; go on: {same_command()}")
        return OUT_OF_TIME
    return 1 if swept.failed else 0


def show_answer(configs, failed, usual=("finished",)):
    """Shows what a sweep found, what it left to do, and the command for the report.

    Args:
        configs: the `ExperimentConfig`s.
        failed: those that are named already.
        usual: states of experiments that are not worth a line.
    """
    for config in configs:
        stands = standing(config, FLAGS.log_dir)
        if stands.state not in usual and config not in failed:
            command_line.show(f"  {config.run_dir(FLAGS.log_dir)}: {stands}")
    if FLAGS.grid in plans.PLANS:  # a table of all its settings would be no answer
        command_line.show(f"report: {report_command()}")
        return
    found = answer.text(configs, FLAGS.log_dir)
    if found:
        command_line.show(f"{found}\nreport: {report_command()}")


def report_command():
    """The command that makes the report of these runs."""
    script = pathlib.Path(sys.argv[0])
    program = ["collaborative-report"]
    if script.suffix == ".py":
        program = ["python", str(script.with_name("analysis.py"))]
    names = ("log_dir", "data_dir", "manual_dir", "plugin")
    given = [(f"--{name}", FLAGS[name].value) for name in names if FLAGS[name].value]
    return shlex.join([*program, *itertools.chain.from_iterable(given)])


def same_command():
    """The command that was given, as it goes on."""
    script = pathlib.Path(sys.argv[0])
    is_file = script.suffix == ".py"
    program = ["python", str(script)] if is_file else [script.name]
    return shlex.join([*program, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
