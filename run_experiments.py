"""Trains a collaborative ensemble and shows what came out.

    python run_experiments.py --dataset cifar10 --method L2 --alpha 0.01

trains the paper's ensemble {ST, M} as its section 5 describes. A finished run is not
run again, and an interrupted one goes on where it stood.
"""

from __future__ import annotations

import functools
import sys

from absl import flags
from etils import epy

import command_line
import datasets
import resnet
from experiments import (
    JIT,
    METHODS,
    PRECISIONS,
    ConfigError,
    ExperimentConfig,
    paper_results,
)

with epy.lazy_imports():  # they import TensorFlow, which takes seconds
    import logger
    import progress
    import training

# Not absl's global flags: absl.logging, which TensorFlow imports, has a log_dir too.
FLAGS = flags.FlagValues()
_DEFAULTS = ExperimentConfig()

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

define_string(
    "dataset",
    _DEFAULTS.dataset,
    f"{', '.join(datasets.DATASETS)}, or another image classification set of "
    "TensorFlow Datasets.",
)
define_list(
    "members",
    list(_DEFAULTS.members),
    f"Networks to train together, of {', '.join(resnet.PRESETS)}; one trains alone.",
)
define_string(
    "method",
    None,
    f"How members collaborate: {', '.join(METHODS)} (Single: not at all). "
    "Default: L2, or Single for one member.",
)
define_float("alpha", _DEFAULTS.alpha, "Weight of the collaboration cost.")
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
define_string(
    "reduction",
    _DEFAULTS.reduction,
    f"Reduction layer: {' or '.join(resnet.REDUCTIONS)} (as in the author's code).",
)
define_string(
    "precision", _DEFAULTS.precision, f"Of the layers: {', '.join(PRECISIONS)}."
)
define_string(
    "jit", _DEFAULTS.jit, f"Compile with XLA: {', '.join(JIT)} (auto: on a GPU)."
)
define_string("log_dir", "logs", "Where runs are logged, each in its directory.")
define_string(
    "data_dir",
    None,
    "Directory of prepared data sets. Default: that of TensorFlow Datasets.",
)
define_string(
    "manual_dir",
    None,
    "Directory with the archives of notMNIST. Default: <data_dir>/downloads/manual.",
)
define_bool("download", False, "Download the data set if it is not there.")
define_bool("overwrite", False, "Start anew where there is a run already.")


def parse_flags(argv):
    """Parses the command line; shows the help or a one-line error and leaves.

    Args:
        argv: the command line, the program's name first.

    Returns:
        The `ExperimentConfig` that it asks for.
    """
    unknown = command_line.parse(argv, FLAGS, __doc__)
    try:
        if unknown:
            raise ConfigError(f"got {unknown[0]!r}, which is no flag; see --help")
        return config_from_flags()
    except ConfigError as error:
        command_line.fail(error, 2)


def config_from_flags():
    """The `ExperimentConfig` that the parsed flags describe."""
    names = ExperimentConfig.__dataclass_fields__
    return ExperimentConfig(**{name: FLAGS[name].value for name in names})


def run(config):
    """Trains the experiment, or finds it finished, and prints its closing table."""
    result = None
    if not FLAGS.overwrite:
        result = training.finished_result(config, FLAGS.log_dir)
    if result:
        print(f"finished before: {result.run_dir} (--overwrite starts anew)")
    else:
        dataset = load_dataset(config)
        result = training.train(
            config,
            dataset,
            FLAGS.log_dir,
            overwrite=FLAGS.overwrite,
            callbacks=[progress.Progress(config.epochs)],
        )
    print(progress.closing_table(result.statistics, paper_results(config)))
    for name in ("error.png", "cost.png", "model.keras"):
        print(result.run_dir / name)


def load_dataset(config):
    """Loads the images of an experiment and says what a person should know of them."""
    dataset = datasets.load(
        config.dataset,
        config.split,
        seed=config.seed,
        validation=config.validation,
        truncate=config.truncate,
        data_dir=FLAGS.data_dir,
        manual_dir=FLAGS.manual_dir,
        download=FLAGS.download,
    )
    sizes = [
        f"{len(getattr(dataset, part)):,} {part}"
        for part in ("train", "validation", "test")
        if len(getattr(dataset, part))
    ]
    print(f"{dataset.name}, {config.split} split: {', '.join(sizes)} images")
    for note in dataset.notes:
        print(note)
    return dataset


def main(argv):
    """The command; returns its exit status."""
    config = parse_flags(argv)
    command_line.start_tensorflow()
    try:
        run(config)
    except (ConfigError, datasets.DatasetChoiceError) as error:
        command_line.fail(error, 2)
    except (datasets.DatasetError, training.RunError, logger.TrainingDiverged) as error:
        command_line.fail(error, 1)
    except OSError as error:
        command_line.fail(
            f"{error.strerror or error}: {error.filename or FLAGS.log_dir}", 1
        )
    except KeyboardInterrupt:
        command_line.fail(
            "interrupted; the same command goes on after the last whole epoch", 130
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
