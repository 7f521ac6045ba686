"""Trains one experiment from its settings, and goes on where an earlier try stopped."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import zlib

import keras
import numpy as np
import tensorflow as tf

import batches
import environment
import failures
import files
import final_record
import interruption
import logger
import models
import optimization
import records
import resnet
from experiments import ConfigError

EVAL_BATCH_SIZE = 250
POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


class RunError(Exception):
    """A run that cannot go on: one line for the person who started it."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a run: its statistics (`logger`) and its directory."""

    statistics: dict
    run_dir: pathlib.Path


def resolved(config):
    """The config with the precision that `auto` stands for on this machine."""
    if config.precision != "auto":
        return config
    return dataclasses.replace(config, precision=environment.fastest_precision())


def finished_result(config, log_dir):
    """The result of an experiment that was finished before, or None.

    Raises:
        RunError: where its directory holds a run with other settings, or statistics
            that cannot be read.
    """
    run_dir = config.run_dir(log_dir)
    _check_same_settings(config, run_dir)
    path = run_dir / "stats.pkl"
    if not path.exists():
        return None
    try:
        statistics = records.read_statistics(path)
    except records.UnreadablePickle as error:
        raise RunError(f"{error}: move it away, or use --overwrite") from error
    return None if statistics["end_time"] is None else Result(statistics, run_dir)


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
        RunError: where the directory holds a run with other settings, or the memory
            does not suffice.
        files.Busy: where another process is at this run.
        logger.TrainingDiverged: when the total cost is not finite any more.
    """
    steps = _steps_per_epoch(config, dataset)
    model = build_model(config, dataset, config.epochs * steps)
    run_dir = config.run_dir(log_dir)
    with files.locked(run_dir):
        if overwrite:
            _clear(run_dir)
        result = finished_result(config, log_dir)
        if result is None:
            log = _train(model, config, dataset, run_dir, callbacks, say)
            _finish(model, log, dataset, foreign)
            result = Result(records.read_statistics(run_dir / "stats.pkl"), run_dir)
        return result


def _train(model, config, dataset, run_dir, callbacks, say):
    _write_config(config, dataset, run_dir)
    log = logger.Logger(
        run_dir, config.to_json(), "validation" if len(dataset.validation) else "test"
    )
    log.set_model(model)
    first_epoch, damaged = log.restore()
    for path in damaged:
        say(f"{path} is damaged and passed over")
    if first_epoch:
        say(f"goes on after epoch {first_epoch} of {config.epochs} in {run_dir}")
    if first_epoch < config.epochs:
        _fit(model, config, dataset, log, first_epoch, callbacks)
    return log


def _fit(model, config, dataset, log, first_epoch, callbacks):
    """Trains the epochs from `first_epoch` on, and measures each on held-out images."""
    try:
        model.fit(
            _train_batches(model, config, dataset.train, first_epoch),
            steps_per_epoch=_steps_per_epoch(config, dataset),
            initial_epoch=first_epoch,
            epochs=config.epochs,
            validation_data=_eval_batches(getattr(dataset, log.held_out)),
            shuffle=False,  # the batches come shuffled
            callbacks=[log, *callbacks],
            verbose=0,
        )
    except tf.errors.ResourceExhaustedError as error:
        raise RunError("out of memory: choose a smaller batch_size") from error


def _train_batches(model, config, examples, first_epoch):
    """What `fit` takes its batches from; on a GPU, the model holds the images."""
    order = (config.batch_size, config.seed, first_epoch, config.epochs)
    if not environment.has_gpu():
        return batches.train_batches(examples, *order)
    model.hold(examples.images, examples.labels)
    return batches.index_batches(len(examples), *order)


def build_model(config, dataset, steps):
    """The compiled model of an experiment, with initial weights from its seed.

    Args:
        config: an `ExperimentConfig`.
        dataset: the `datasets.Dataset` whose images and classes it is for.
        steps: training steps in all, for the learning rate.

    Returns:
        An `EnsembleModel`, or a `SingleModel` for a single member.

    Raises:
        ConfigError: where the members cannot take such images.
    """
    keras.utils.set_random_seed(config.seed)
    with _strategy(config).scope():
        return _compiled_model(config, dataset, steps)


def _strategy(config):
    """Where the model's variables lie and its batches are computed."""
    if config.strategy == "single":
        return tf.distribute.get_strategy()
    kind = "GPU" if environment.has_gpu() else "CPU"
    return tf.distribute.MirroredStrategy(tf.config.list_logical_devices(kind))


def _compiled_model(config, dataset, steps):
    members = build_members(config, dataset.input_shape, dataset.num_classes)
    policy = POLICIES[config.precision]
    if len(members) == 1:
        model = models.SingleModel(members[0], config.weight_decay, dtype=policy)
    else:
        model = models.EnsembleModel(
            members, config.method, config.alpha, config.weight_decay, dtype=policy
        )
    model.compile(
        optimization.paper_optimizer(steps, config.learning_rate),
        jit_compile=_use_jit(config.jit),
        # A GPU's steps are so short that Python would be most of the time.
        steps_per_execution=steps // config.epochs if environment.has_gpu() else 1,
    )
    return model


def build_members(config, input_shape, num_classes):
    """The members of an experiment, each from a seed of its own.

    A member's initial weights depend on the experiment's seed and the member's name
    only, so that methods, and ensembles with different other members, are compared on
    the same ones.
    """
    members = []
    for preset, name in zip(config.members, config.member_names, strict=True):
        shape = dataclasses.replace(resnet.PRESETS[preset], reduction=config.reduction)
        seed = np.random.SeedSequence([config.seed, zlib.crc32(name.encode())])
        try:
            member = resnet.build_resnet(
                shape,
                input_shape,
                num_classes,
                name,
                seed=int(seed.generate_state(1)[0]),
                dtype=POLICIES[config.precision],
            )
        except ValueError as error:
            raise ConfigError(f"{preset} does not fit: {error}") from error
        members.append(member)
    return members


def _use_jit(jit):
    """XLA pays on a GPU and not on a CPU."""
    return jit == "on" or (jit == "auto" and environment.has_gpu())


def _steps_per_epoch(config, dataset):
    steps = len(dataset.train) // config.batch_size
    if not steps:
        raise ConfigError(
            f"batch_size {config.batch_size} is larger than the {len(dataset.train)} "
            f"training images of {dataset.name}: choose a smaller one"
        )
    return steps


def _eval_batches(examples):
    return batches.eval_batches(examples, EVAL_BATCH_SIZE)


def _finish(model, log, dataset, foreign):
    """Saves the model, measures the test set if that is due, and marks the end."""
    test_results = None
    if log.held_out != "test":
        test_results = model.evaluate(
            _eval_batches(dataset.test), verbose=0, return_dict=True
        )
    record = final_record.final_record(model, dataset, foreign)
    with interruption.held_back():
        with files.replacing(log.run_dir / "model.keras") as path:
            model.save(path)
        log.finish(record, test_results)
        shutil.rmtree(log.run_dir / "checkpoint", ignore_errors=True)
        failures.forget(log.run_dir)


def _clear(run_dir):
    """Removes a run, but for what the process that runs it has open."""
    for path in run_dir.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("lock", "output.log"):
            path.unlink()


def _check_same_settings(config, run_dir):
    """Raises RunError where `run_dir` holds a run with other settings."""
    path = run_dir / "config.json"
    if not path.exists():
        return
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8"))["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged: use --overwrite to start anew, or another --log_dir"
        ) from error
    differences = config.differences(found)
    if differences:
        raise RunError(
            f"{run_dir} holds a run with {differences}: "
            "use another --log_dir, or --overwrite to replace it"
        )


def _write_config(config, dataset, run_dir):
    """Writes `config.json`: the settings, and what they run with and on."""
    content = {
        "config": config.to_json(),
        "data": {
            part: len(getattr(dataset, part))
            for part in ("train", "validation", "test")
        },
        "class_names": list(dataset.class_names),
    } | environment.describe()
    with files.replacing(run_dir / "config.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
