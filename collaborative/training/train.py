"""Trains one experiment from its settings, and goes on where an earlier try stopped."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

from collaborative import logger, models
from collaborative.data import batches, decoded_images
from collaborative.experiments import checks
from collaborative.nn import averages, checkpoint
from collaborative.nn.selection import Selection
from collaborative.runs import (
    beside,
    failures,
    obstacles,
    reader,
    run,
    space,
    standings,
)
from collaborative.system import environment, files, interruption, run_files
from collaborative.system.words import counted
from collaborative.training import (
    building,
    final_record,
    fitting,
    own_callbacks,
    sameness,
    teacher,
)
from collaborative.training.sameness import RunError


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a run: its statistics (`runs.reader`) and its directory."""

    statistics: dict
    run_dir: pathlib.Path


def resolved(config, log_dir=None):
    """The config with the precision that `auto` stands for.

    That is what the experiment has been begun with below `log_dir`, if it has been, and
    else the fastest on this machine.
    """
    if config.precision != "auto":
        return config
    begun = sameness.precision(config.run_dir(log_dir)) if log_dir else None
    return dataclasses.replace(
        config, precision=begun or environment.fastest_precision()
    )


def finished_result(config, log_dir, remedy="use --overwrite to start anew"):
    """The result of an experiment that was finished before, or None.

    Args:
        config: its `ExperimentConfig`.
        log_dir: directory of all logs.
        remedy: what else can be done where something is in its way.

    Raises:
        RunError: where its directory holds a run with other settings, or one of which
            files are lost or cannot be read.
    """
    run_dir = config.run_dir(log_dir)
    statistics, obstacle = obstacles.examined(config, run_dir)
    if obstacle:
        raise RunError(f"{run_dir} holds {obstacle}, or {remedy}")
    if statistics is None or statistics["end_time"] is None:
        return None
    return Result(statistics, run_dir)


@decoded_images.damage_told()
def train(
    config, dataset, log_dir, *, foreign=None, overwrite=False, callbacks=(), say=print
):
    """Trains an experiment to its end, from the newest checkpoint if there is one.

    Args:
        config: an `ExperimentConfig`.
        dataset: a `datasets.Dataset` that was loaded as the config says.
        log_dir: directory of all logs; the run gets its own below it.
        foreign: another `datasets.Dataset`, to measure how well the trained model tells
            its images from those it knows.
        overwrite: whether to start anew and drop what the run's directory holds.
        callbacks: further Keras callbacks for `fit`.
        say: is called with each line that a person should read.

    Returns:
        A `Result`.

    Raises:
        ConfigError: for a config that does not fit the data.
        RunError: where the directory holds a run with other settings or data, the
            memory does not suffice, or a plugin's code fails in a step.
        callbacks.FailedCallback: where a person's own callback fails.
        space.DiskFull, OSError: where the disk has no room for it, or is full later.
        datasets.DatasetError: where images on the disk are damaged meanwhile.
        run.UnusableRun: where the weights to start from are not there or do not fit.
        files.Busy: where another process is at this run.
        logger.TrainingDiverged: when the total cost is not finite any more.
    """
    steps = building.steps_per_epoch(config, dataset)
    checks.check_choice(config, len(dataset.validation))
    for note in building.precision_notes(config):
        say(note)
    callbacks = [*own_callbacks.built(config), *callbacks]
    swaps = own_callbacks.swaps_averages(callbacks)
    model = building.build_model(config, dataset, config.epochs * steps, swaps)
    run_dir = config.run_dir(log_dir)
    with files.locked(run_dir):
        if overwrite:
            _clear(run_dir)
        result = finished_result(config, log_dir)
        if result is None:
            taught = _teacher(config, dataset, log_dir)
            log = _train(model, config, dataset, taught, run_dir, callbacks, say)
            _finish(model, log, dataset, foreign)
            result = Result(
                reader.read_statistics(run_dir / run_files.STATISTICS), run_dir
            )
        return result


def finished_teacher(config, log_dir):
    """`finished_result` of an experiment's teacher, which may have other students."""
    remedy = "move it away to have the teacher trained again"
    return finished_result(config.teacher_config, log_dir, remedy)


def _teacher(config, dataset, log_dir):
    """What `teacher.answers` gives; None for an experiment without a teacher.

    Raises:
        RunError: where no trained teacher is there.
    """
    if not config.teacher:
        return None
    run_dir = config.teacher_config.run_dir(log_dir)
    path = run_dir / run_files.MODEL
    if finished_teacher(config, log_dir) is None:
        raise RunError(f"there is no {path}: train the teacher first")
    advice = f"put it back, or move {run_dir} away to have the teacher trained again"
    if not path.exists():
        raise RunError(f"there is no {path}: {advice}")
    try:
        return teacher.answers(path, config, dataset)
    except models.UnusableModel as error:
        raise RunError(f"{error}: {advice}") from error


def _train(model, config, dataset, taught, run_dir, callbacks, say):
    """Trains a model as far as it is to be trained; its `Logger`."""
    log = _logger(model, config, dataset, run_dir)
    first_epoch = _restore(log, model, config, dataset, say)
    selection = log.selection
    goes_on = first_epoch < config.epochs and not (selection and selection.is_over)
    if goes_on or not (run_dir / run_files.CONFIG).exists():
        origin = environment.describe()
        run.write_record(run_dir, config, dataset, origin, first_epoch)
    if goes_on:
        first = [*filter(None, [selection]), log]
        first += [averages.MeasureAverages()] if config.ema else []
        callbacks = [*first, *callbacks]
        fitting.fit(model, config, dataset, taught, log, first_epoch, callbacks)
    else:  # stopped before the end of `fit`, which gives the model its averages
        model.optimizer.finalize_variable_values(model.trainable_variables)
    if selection:
        selection.settle(model)
        for line in selection.said(config.epochs):
            say(line)
    return log


def _logger(model, config, dataset, run_dir):
    """The `Logger` of a run; raises space.DiskFull where there is no room for it."""
    chooses = config.patience or config.keep == "best"
    values = checkpoint.size_of(model) * (2 if config.keep == "best" else 1)
    space.check(run_dir, space.needed(values, config.epochs))
    images = dataset.train.images
    log = logger.Logger(
        run_dir,
        config.to_json(),
        held_out="validation" if len(dataset.validation) else "test",
        samples=images if dataset.train.in_memory else None,
        selection=Selection(config.patience, config.keep) if chooses else None,
    )
    log.set_model(model)
    return log


def _restore(log, model, config, dataset, say):
    """Goes back to where a run stood, and says so; how many epochs were done."""
    run_dir = log.run_dir
    first_epoch, damaged = log.restore()
    for path in damaged:
        say(f"{path} is damaged or misnamed, and passed over")
    logged = standings.epochs_logged(run_dir)
    if first_epoch or logged:
        sameness.check_data(dataset, run_dir)
    if first_epoch:
        notes = [f"goes on after epoch {first_epoch} of {config.epochs} in {run_dir}"]
        notes += sameness.notes(config, run_dir)
    else:
        lost = f"of the {counted(logged, 'epoch')} done no checkpoint is left"
        notes = [f"{lost}: trains from the first again"] if logged else []
        notes += building.start_from(model, config) if config.init_from else []
        notes += [*building.equal_members(model), *beside.notes(config, run_dir)]
    for note in notes:
        say(note)
    return first_epoch


def _finish(model, log, dataset, foreign):
    """Saves the model, measures what is measured once, and marks the end."""
    due = {} if log.held_out == "test" else {"test": dataset.test}
    if dataset.noisy_validation:
        due["noisy_validation"] = dataset.noisy_validation
    results = {
        name: model.evaluate(batches.eval_batches(part), verbose=0, return_dict=True)
        for name, part in due.items()
    }
    record = final_record.final_record(model, dataset, foreign)
    with interruption.held_back():
        with files.replacing(log.run_dir / run_files.MODEL) as path:
            model.save(path)
        log.finish(record, results)
        shutil.rmtree(log.run_dir / run_files.CHECKPOINTS, ignore_errors=True)
        failures.forget(log.run_dir)


def _clear(run_dir):
    """Removes what a run has left in its directory; other files there stay."""
    for path in (run_dir / name for name in run_files.OF_A_RUN):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
