"""From the settings of an experiment to its compiled model."""

from __future__ import annotations

import itertools
import math
import zlib

import keras
import numpy as np
import tensorflow as tf

from collaborative import models
from collaborative.data.examples import balanced_weights
from collaborative.experiments.setting import ConfigError
from collaborative.nn import optimization
from collaborative.nn.networks import build_network
from collaborative.runs import run, trained_model
from collaborative.system import environment, libraries, processor
from collaborative.system.errors import UserError, reason_of

POLICIES = {
    "float32": "float32",
    "float32_exact": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}

# Steps in one call of XLA's, without and with a GPU. There it is about a second, after
# which progress is shown and an interruption heard. On a processor XLA has no fast code
# for a convolution within a loop: a step takes 13 times as long (findings/).
_LONGEST_BLOCK = {False: 1, True: 400}


def build_model(config, dataset, steps, use_ema=False):
    """The compiled model of an experiment, with initial weights from its seed.

    Args:
        config: an `ExperimentConfig`.
        dataset: the `datasets.Dataset` whose images and classes it is for.
        steps: training steps in all, for the learning rate.
        use_ema: whether the optimizer keeps moving averages of the weights though the
            config asks for none, since a callback needs them.

    Returns:
        An `EnsembleModel`, or a `SingleModel` for a single member.

    Raises:
        ConfigError: where the members cannot take such images, or do not fit together.
    """
    environment.allow_tf32(config.precision != "float32_exact")
    with _strategy(config).scope():
        return _compiled_model(config, dataset, steps, use_ema)


def _strategy(config):
    """Where the model's variables lie and its batches are computed."""
    if config.strategy == "single":
        return tf.distribute.get_strategy()
    kind = "GPU" if environment.has_gpu() else "CPU"
    return tf.distribute.MirroredStrategy(tf.config.list_logical_devices(kind))


def _compiled_model(config, dataset, steps, use_ema):
    members = build_members(config, dataset.input_shape, dataset.num_classes)
    # Collaboration apart from training is a second update of the weights in each step.
    apart = config.unlabeled and config.unlabeled_steps == "separate"
    updates = 2 * steps if apart else steps
    try:
        model = _model(config, members, updates, dataset)
    except ValueError as error:  # what the settings say has been checked
        names = ", ".join(config.member_names)
        raise ConfigError(f"{names} cannot be trained: {reason_of(error)}") from error
    by_python = environment.has_gpu() and steps_of_a_block(config, dataset) == 1
    model.compile(
        _optimizer(config, updates, use_ema),
        jit_compile=_use_jit(config),
        # A GPU's steps are so short that Python would be most of the time.
        steps_per_execution=steps // config.epochs if by_python else 1,
    )
    # Built while the step is traced, its variables would leave a graph behind for each
    # of their initial values, and the memory of a run would never be given back.
    model.optimizer.build(model.trainable_variables)
    return model


def _optimizer(config, updates, use_ema):
    """The optimizer of an experiment, for so many updates of the weights in all."""
    settings = {"schedule": config.learning_rate_schedule}
    settings |= {"use_ema": use_ema or config.ema > 0}
    settings |= {"ema_momentum": config.ema} if config.ema else {}
    shared = updates, config.learning_rate
    if config.optimizer == "adamw":
        return optimization.adamw(*shared, config.weight_decay, **settings)
    if config.optimizer == "sgd":
        return optimization.sgd(*shared, config.momentum, **settings)
    return optimization.paper_optimizer(*shared, **settings)


def _model(config, members, updates, dataset):
    weights = None
    if config.class_weight:
        weights = balanced_weights(dataset.train.labels, dataset.num_classes)
    settings = {
        "class_weight": weights,
        "collaboration": config.collaboration,
        "label_smoothing": config.label_smoothing,
        "small_loss": config.small_loss,
        # The optimizer's own is no part of the cost.
        "weight_decay": 0.0 if config.optimizer == "adamw" else config.weight_decay,
        "steps": updates,
        "dtype": POLICIES[config.precision],
    }
    if len(members) == 1:
        return models.SingleModel(members[0], **settings)
    return models.EnsembleModel(
        members,
        unlabeled=config.unlabeled_steps if config.unlabeled else None,
        unlabeled_weight=config.unlabeled_weight,
        **settings,
    )


def build_members(config, input_shape, num_classes):
    """The members of an experiment, each from a seed of its own.

    A member's initial weights depend on the experiment's seed and the member's name
    only, so that methods, and ensembles with different other members, are compared on
    the same ones. A student starts from other ones than a teacher of its kind did.
    """
    members = []
    for network, name in zip(config.members, config.member_names, strict=True):
        key = f"{name} taught" if name in config.teacher else name
        seed = np.random.SeedSequence([config.seed, zlib.crc32(key.encode())])
        try:
            member = build_network(
                network,
                input_shape,
                num_classes,
                name=name,
                seed=int(seed.generate_state(1)[0]),
                dtype=POLICIES[config.precision],
                reduction=config.reduction,
            )
        except ValueError as error:
            raise ConfigError(f"{network} does not fit: {error}") from error
        _check_can_be_saved(member)
        members.append(member)
    keras.utils.set_random_seed(config.seed)  # whatever the networks did with it
    return members


def _check_can_be_saved(member):
    """Refuses, before it is trained, what a finished run could not save."""
    try:
        keras.saving.serialize_keras_object(member)
    except Exception as error:  # whatever its `get_config` does
        said = "" if isinstance(error, NotImplementedError) else f": {reason_of(error)}"
        raise ConfigError(
            f"{member.name} could not be saved once it is trained{said}: give its "
            f"class {type(member).__name__} a get_config with the arguments of its "
            "__init__"
        ) from error


def steps_per_epoch(config, dataset):
    """How many batches an epoch has, without a partial last one.

    Raises:
        ConfigError: where there is none.
    """
    steps = len(dataset.train) // config.batch_size
    if not steps:
        raise ConfigError(
            f"batch_size {config.batch_size} is larger than the {len(dataset.train)} "
            f"training images of {dataset.name}: choose a smaller one"
        )
    return steps


def steps_of_a_block(config, dataset):
    """How many steps XLA computes in one call, see `Steps.hold`; 1: each by itself.

    An epoch is parted as evenly as can be.
    """
    held = dataset.train.in_memory and config.strategy == "single"
    if not (_use_jit(config) and held):
        return 1
    steps = steps_per_epoch(config, dataset)
    blocks = math.ceil(steps / _LONGEST_BLOCK[environment.has_gpu()])
    return math.ceil(steps / blocks)


def equal_members(model):
    """What a person should know of members that are the same: list of lines."""
    weights = {member.name: member.get_weights() for member in model.members}
    return [
        f"{one} and {other} start from equal weights: they have nothing to teach each "
        "other"
        for one, other in itertools.combinations(weights, 2)
        if weights[one] and _equal(weights[one], weights[other])
    ]


def _equal(weights, others):
    return len(weights) == len(others) and all(map(np.array_equal, weights, others))


def start_from(model, config):
    """Gives a model's members the weights of a finished run, by their names.

    Args:
        model: a `SingleModel` or an `EnsembleModel`.
        config: its `ExperimentConfig`, with the run's directory as `init_from`.

    Returns:
        List of lines that a person should read.

    Raises:
        run.UnusableRun: where there is no such run, or its members are others.
    """
    source = run.read_start(config.init_from, config.member_names)
    try:
        loaded = trained_model.load(source.model_path, source.config.member_names)
        for member in model.members:
            member.set_weights(loaded[member.name].get_weights())
    except (UserError, ValueError) as error:
        raise run.UnusableRun(
            f"{config.init_from} cannot be started from: {reason_of(error)}"
        ) from error
    notes = [f"starts from the weights of {config.init_from}"]
    split, kept = ("split", "seed", "truncate"), "test"
    if config.validation:
        split, kept = (*split, "validation"), "test or validation"
    if config.dataset == source.config.dataset and any(
        getattr(config, name) != getattr(source.config, name) for name in split
    ):
        notes.append(
            f"which may have been trained on {kept} images of this run: give it the "
            f"same {', '.join(split)}"
        )
    return notes


def precision_notes(config):
    """What a person should know of the precision that was asked for: list of lines.

    The factors are those of a step of {ST, M} in batches of 64 on one core to float32's
    without XLA. In float16 with AVX512-FP16 TensorFlow 2.21 has oneDNN compute the
    gradients of the kernels, which has no fast code for them; without, TensorFlow's own
    code runs. In bfloat16 oneDNN needs AVX512, and is fast where that has bfloat16.
    """
    if environment.has_gpu():
        return []
    if config.precision == "bfloat16":
        return _bfloat16_notes()
    if config.precision != "float16":
        return []
    if _use_jit(config):
        return [
            "float16 on a processor goes through XLA: the first step takes a minute, "
            "the others up to twice as long as in float32; --precision auto is faster"
        ]
    factor = "18 to 150" if environment.has_float16() else "7"
    return [
        f"a step in float16 without XLA takes {factor} times as long as in float32 on "
        "this processor: leave --jit out, or choose --precision auto"
    ]


def _bfloat16_notes():
    if not processor.is_x86() or environment.fastest_precision() == "bfloat16":
        return []
    if libraries.onednn_is_on() is False:
        return [
            "oneDNN is off (TF_ENABLE_ONEDNN_OPTS): a step in bfloat16 takes 4 times "
            "as long as in float32: leave it on, or begin with --precision auto"
        ]
    factor = "2 to 3" if "avx512f" in processor.flags() else "12"
    return [
        f"a step in bfloat16 takes {factor} times as long as in float32 on this "
        "processor: a run begun with --precision auto is faster"
    ]


def _use_jit(config):
    """XLA pays on a GPU; on a processor for float16 alone, see `precision_notes`."""
    if config.jit != "auto":
        return config.jit == "on"
    return environment.has_gpu() or config.precision == "float16"
