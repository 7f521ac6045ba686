"""The flags of `run_experiments.py`, and the experiments that they ask for."""

from __future__ import annotations

import functools

from absl import flags

from collaborative import collaboration, datasets, resnet, schedules
from collaborative.experiments import grids, studies
from collaborative.experiments.checks import JIT, PRECISIONS, STRATEGIES, ConfigError
from collaborative.experiments.config import ExperimentConfig
from collaborative.system import command_line

# Not absl's global flags: absl.logging, which TensorFlow imports, has a log_dir too.
FLAGS = flags.FlagValues()
_DEFAULTS = ExperimentConfig()
_GRIDS = ("paper", *studies.STUDIES)

define_bool, define_float, define_integer, define_list, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (
        flags.DEFINE_bool,
        flags.DEFINE_float,
        flags.DEFINE_integer,
        flags.DEFINE_list,
        flags.DEFINE_string,
    )
)

define_list(
    "dataset",
    [_DEFAULTS.dataset],
    f"{', '.join(datasets.DATASETS)}, or another image classification set of "
    "TensorFlow Datasets. A list runs them all, as lists of methods, alphas and seeds "
    "do.",
)
define_string(
    "grid",
    None,
    f"A named set of experiments: {', '.join(_GRIDS)}. The paper's are 39, or 13 for "
    "each dataset that --dataset names; the others are studies (see docs/findings.md).",
)
define_list(
    "members",
    list(_DEFAULTS.members),
    f"Networks to train together, of {', '.join(resnet.PRESETS)}; one trains alone.",
)
define_list(
    "method",
    None,
    f"How members collaborate: {', '.join(collaboration.METHODS)}, or Single: not at "
    "all. Default: L2, or for one member Single, or KL where it has a teacher.",
)
define_list(
    "alpha",
    None,
    "Weight of the collaboration cost. Default: 0.01, or 1 with a teacher.",
)
define_integer(
    "epochs", None, "Passes over the training images. Default: 30, on notMNIST 15."
)
define_integer("batch_size", _DEFAULTS.batch_size, "Images a training step.")
define_float(
    "learning_rate",
    _DEFAULTS.learning_rate,
    "Initial learning rate; halved once 50 %, 75 % and 90 % of the steps are done.",
)
define_float(
    "weight_decay", _DEFAULTS.weight_decay, "Factor of sum(w^2)/2 over the kernels."
)
define_integer(
    "seed", _DEFAULTS.seed, "Seed of the split, the weights and the order of images."
)
define_list("seeds", None, "Repeats everything with each of these seeds.")
define_string(
    "split",
    None,
    f"{' or '.join(datasets.SPLITS)}: train and test images shuffled together, or as "
    "published. Default: as the paper had it.",
)
define_integer(
    "validation",
    _DEFAULTS.validation,
    "Training images to set aside for choosing hyperparameters; the test set is then "
    "measured once, at the end.",
)
define_integer(
    "truncate", _DEFAULTS.truncate, "Use only so many images, to debug; 0 uses all."
)
define_float(
    "label_noise",
    _DEFAULTS.label_noise,
    "Fraction of the training labels to make wrong on purpose, to see what withstands "
    "it.",
)
define_string(
    "reduction",
    _DEFAULTS.reduction,
    f"Reduction layer: {' or '.join(resnet.REDUCTIONS)} (as in the author's code).",
)
define_string(
    "precision",
    _DEFAULTS.precision,
    f"Of the layers: {', '.join(PRECISIONS)} (auto: bfloat16 where the hardware has "
    "it, else float32).",
)
define_string(
    "jit", _DEFAULTS.jit, f"Compile with XLA: {', '.join(JIT)} (auto: on a GPU)."
)
define_string(
    "strategy",
    _DEFAULTS.strategy,
    f"{' or '.join(STRATEGIES)}: mirrored shares each batch out to all GPUs.",
)
define_bool(
    "augment",
    _DEFAULTS.augment,
    "Shift training images at random, by up to an eighth; flip those of CIFAR-10 too.",
)
define_string(
    "alpha_schedule",
    _DEFAULTS.alpha_schedule,
    f"How alpha changes over training: {', '.join(schedules.NAMES)}, with the part of "
    "training that it takes: ramp_up:0.5, burn_in:0.2.",
)
define_list(
    "pull",
    list(_DEFAULTS.pull),
    "How far members are drawn to the others, e.g. ST=1,M=0.25; with 0 a member only "
    "teaches. Default: 1 each.",
)
define_string(
    "topology",
    _DEFAULTS.topology,
    f"Which pairs of members collaborate: {', '.join(collaboration.TOPOLOGIES)}.",
)
define_string(
    "pair_cost",
    _DEFAULTS.pair_cost,
    f"{' or '.join(collaboration.PAIR_COSTS)} of the pairs' costs.",
)
define_float(
    "temperature",
    _DEFAULTS.temperature,
    "Softens the probabilities that a method compares.",
)
define_list(
    "teacher",
    list(_DEFAULTS.teacher),
    "Distillation: train these networks first, as a traditional ensemble, and then the "
    "one member with their answers.",
)
define_float(
    "labeled",
    _DEFAULTS.labeled,
    "Fraction of the training images whose labels are known; the others are left out.",
)
define_string(
    "unlabeled",
    None,
    "Collaborate on images without labels too: noise, a data set, or "
    "holdout:FRACTION of the training images.",
)
define_float(
    "unlabeled_ratio",
    _DEFAULTS.unlabeled_ratio,
    "How many images without labels to one with.",
)
define_float(
    "unlabeled_weight",
    _DEFAULTS.unlabeled_weight,
    "Weight of the collaboration cost on them, besides alpha.",
)
define_string(
    "unlabeled_steps",
    _DEFAULTS.unlabeled_steps,
    f"{' or '.join(collaboration.UNLABELED_STEPS)}: in the steps with labels, or "
    "between them.",
)
define_string("log_dir", "logs", "Where runs are logged, each in its directory.")
command_line.define_data_flags(FLAGS)
command_line.define_costs_flag(FLAGS)
define_bool("download", False, "Download the data set if it is not there.")
define_bool("overwrite", False, "Start anew where there is a run already.")
define_bool("dry_run", False, "Only list what would run, how it stands, and the time.")
define_integer(
    "jobs",
    None,
    "How many experiments run side by side. Default: as many as there are GPUs, or "
    "cores for their threads.",
    lower_bound=1,
)
define_integer(
    "threads",
    None,
    "Threads of an experiment; its results depend on them in the last digits. Default: "
    "1 where several experiments are asked for, all cores for one.",
    lower_bound=1,
)
define_string(
    "ray", None, "Address of a Ray cluster to run on (extra: cluster), e.g. auto."
)


def configs():
    """The experiments that the parsed flags ask for.

    Returns:
        The `ExperimentConfig`s, each once.

    Raises:
        ConfigError: for a value that cannot be.
    """
    lists = ("dataset", "method", "alpha", "seed")
    names = [n for n in ExperimentConfig.__dataclass_fields__ if n not in lists]
    common = {name: FLAGS[name].value for name in names}
    seeds = _numbers("seeds", int) if FLAGS.seeds else [FLAGS.seed]
    if FLAGS.grid:
        return _grid(common, seeds)
    methods = FLAGS.method or [None]
    alphas = _numbers("alpha", float) if FLAGS.alpha else [None]
    return grids.combinations(FLAGS.dataset, methods, alphas, seeds, **common)


def _grid(common, seeds):
    if FLAGS.grid not in _GRIDS:
        raise ConfigError(
            f"grid must be one of {', '.join(_GRIDS)}, got {FLAGS.grid!r}"
        )
    is_paper = FLAGS.grid == "paper"
    varied = set() if is_paper else studies.STUDIES[FLAGS.grid].varied
    for name in sorted({"method", "alpha", "members"} | varied):
        if FLAGS[name].present:
            raise ConfigError(f"--grid says what {name} is: leave --{name} out")
    if is_paper:
        datasets_named = FLAGS.dataset if FLAGS["dataset"].present else None
        return grids.paper_grid(datasets_named, seeds, **common)
    return _study(common, seeds)


def _study(common, seeds):
    """The experiments of a study, with what was given on the command line."""
    study = studies.STUDIES[FLAGS.grid]
    given = {name: value for name, value in common.items() if FLAGS[name].present}
    if study.chooses and not given.get("validation", True):
        raise ConfigError(
            f"the study {FLAGS.grid} chooses settings on validation images: "
            "--validation must be above 0"
        )
    if not (FLAGS["seed"].present or FLAGS["seeds"].present):
        seeds = studies.SEEDS
    names = FLAGS.dataset if FLAGS["dataset"].present else [study.base["dataset"]]
    return [
        config
        for name in names
        for arm in study.configs(seeds, **given | {"dataset": name}).values()
        for candidate in arm.values()
        for config in candidate
    ]


def _numbers(flag, kind):
    try:
        return [kind(value) for value in FLAGS[flag].value]
    except ValueError as error:
        raise ConfigError(
            f"{flag} must be numbers, separated by commas, got "
            f"{','.join(map(str, FLAGS[flag].value))!r}"
        ) from error
