"""What an experiment is: its settings, the paper's values for them, and its directory.

Nothing here imports TensorFlow, so that a wrong setting is refused at once.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
import pathlib

import collaboration
import datasets
import resnet

METHODS = (*collaboration.METHODS, "Single")  # Single: the traditional ensemble
PRECISIONS = ("float32", "bfloat16", "float16", "auto")
JIT = ("auto", "on", "off")
STRATEGIES = ("single", "mirrored")
EPOCHS = {"notmnist": 15, "notmnist_small": 15}  # section 5.2; 30 elsewhere
GRIDS = ("paper",)
# The paper's grid (section 5.2), in the order of its tables and figures.
PAPER_DATASETS = ("mnist", "notmnist", "cifar10")
PAPER_METHODS = ("CE", "L1", "L2")
PAPER_ALPHAS = (1.0, 0.1, 0.01, 0.0001)
PAPER_TABLES = pathlib.Path(__file__).parent / "paper" / "tables.csv"


class ConfigError(ValueError):
    """A setting that cannot be: one line for the person who chose it."""


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """All that decides the outcome of one experiment (section 5.2), validated.

    `None` stands for the paper's choice and is replaced by it.

    Raises:
        ConfigError: for a value that cannot be, naming what is allowed.
    """

    dataset: str = "digits"  # a name in datasets.DATASETS, or any tfds name
    members: tuple[str, ...] = ("ST", "M")  # names of presets in resnet.PRESETS
    method: str | None = None  # METHODS; None: L2, or Single for a single member
    alpha: float = 0.01  # collaboration weight; 0 where the method is Single
    epochs: int | None = None  # None: 30, or 15 on notMNIST
    batch_size: int = 64  # images a step; a partial last batch is left out
    learning_rate: float = 2**-10  # before it is halved at 50, 75 and 90 %
    weight_decay: float = 1e-4  # factor of sum(w^2)/2 over the kernels
    seed: int = 912  # of the split, the initial weights and the order of images
    split: str | None = None  # pooled or official; None: as the paper had it
    validation: int = 0  # training images set aside to choose hyperparameters on
    truncate: int = 0  # use only so many images, for debugging; 0: all
    label_noise: float = 0.0  # fraction of the training labels made wrong on purpose
    reduction: str = "paper"  # resnet.REDUCTIONS
    # Of the layers; the logits are float32 always. auto: as fast as the hardware can.
    precision: str = "float32"
    jit: str = "auto"  # compile with XLA: auto is on with a GPU, off without
    strategy: str = "single"  # mirrored: each batch is shared out to all GPUs

    def __post_init__(self):
        alone = len(self.members) == 1
        self._set("members", tuple(self.members))
        if self.method is None:
            self._set("method", "Single" if alone else "L2")
        if self.method == "Single":
            self._set("alpha", 0.0)
        if self.epochs is None:
            self._set("epochs", EPOCHS.get(self.dataset, 30))
        if self.split is None:
            self._set("split", datasets.default_split(self.dataset))
        self._check_choices()
        self._check_numbers()
        if alone and self.method != "Single":
            raise ConfigError(
                f"method {self.method} needs at least 2 members, got "
                f"{self.members[0]} alone: name a second one or use method Single"
            )

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    def _check_choices(self):
        if not self.members:
            raise ConfigError(f"members must name some of {', '.join(resnet.PRESETS)}")
        choices = {
            "method": METHODS,
            "split": datasets.SPLITS,
            "reduction": resnet.REDUCTIONS,
            "precision": PRECISIONS,
            "jit": JIT,
            "strategy": STRATEGIES,
        }
        given = [(name, getattr(self, name)) for name in choices]
        given += [("members", member) for member in self.members]
        for name, value in given:
            allowed = choices.get(name, tuple(resnet.PRESETS))
            if value not in allowed:
                raise ConfigError(
                    f"{name} must be one of {', '.join(allowed)}, got {value!r}"
                )

    def _check_numbers(self):
        least = {"epochs": 1, "batch_size": 1} | dict.fromkeys(
            ("seed", "validation", "truncate"), 0
        )
        for name, minimum in least.items():
            value = getattr(self, name)
            if value < minimum:
                raise ConfigError(f"{name} must be at least {minimum}, got {value}")
        for name in ("alpha", "learning_rate", "weight_decay"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} must be a finite number >= 0, got {value}")
        if not 0 <= self.label_noise < 1:
            raise ConfigError(
                f"label_noise must be from 0 to below 1, got {self.label_noise}"
            )
        if self.learning_rate == 0:
            raise ConfigError("learning_rate must be above 0, got 0")

    @property
    def member_names(self):
        """A name for each member: its preset, numbered where a preset comes again."""
        seen = [self.members[: i + 1].count(m) for i, m in enumerate(self.members)]
        pairs = zip(self.members, seen, strict=True)
        return tuple(m if count == 1 else f"{m}_{count}" for m, count in pairs)

    def run_dir(self, log_dir):
        """The directory of this experiment below `log_dir`."""
        members = "-".join(self.members)
        return (
            pathlib.Path(log_dir, self.dataset.replace("/", "_"), members)
            / f"{self.method}_{self.alpha!r}"
            / f"seed_{self.seed}"
        )

    def load_dataset(self, **places):
        """Loads the images of the experiment, split as its settings say.

        Args:
            **places: `data_dir`, `manual_dir` and `download` of `datasets.load`.

        Returns:
            A `datasets.Dataset`.

        Raises:
            datasets.DatasetError: as `datasets.load`.
        """
        dataset = datasets.load(
            self.dataset,
            self.split,
            seed=self.seed,
            validation=self.validation,
            truncate=self.truncate,
            **places,
        )
        if not self.label_noise:
            return dataset
        return datasets.with_label_noise(dataset, self.label_noise, self.seed)

    def differences(self, settings):
        """How logged settings differ from these, in words; "" where they do not.

        Args:
            settings: what `to_json` gave then. A setting that did not exist yet had its
                default; a precision of "auto" fits any.
        """
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        differing = [
            f"{name} {settings.get(name, defaults[name])!r}, not {value!r}"
            for name, value in self.to_json().items()
            if settings.get(name, defaults[name]) != value
            and (name, value) != ("precision", "auto")
        ]
        return "; ".join(differing)

    def to_json(self):
        """The settings as plain JSON values."""
        return dataclasses.asdict(self) | {"members": list(self.members)}


def combinations(datasets, methods, alphas, seeds, **settings):
    """The experiments of all combinations of the values, each once.

    Args:
        datasets, methods, alphas, seeds: lists of values of `ExperimentConfig`.
        **settings: what they have in common.

    Raises:
        ConfigError: for a value that cannot be, or an empty list.
    """
    lists = {"dataset": datasets, "method": methods, "alpha": alphas, "seed": seeds}
    for name, values in lists.items():
        if not values:
            raise ConfigError(f"{name} must name at least one value, got none")
    configs = (
        ExperimentConfig(**dict(zip(lists, values, strict=True)), **settings)
        for values in itertools.product(*lists.values())
    )
    return list(dict.fromkeys(configs))


def paper_grid(datasets=None, seeds=(912,), **settings):
    """The paper's experiments: the traditional ensemble and each method and weight.

    Args:
        datasets: names; None: the paper's three.
        seeds: each experiment is repeated with each.
        **settings: further ones of `ExperimentConfig`, the same for all.

    Returns:
        List of `ExperimentConfig`s, 13 for each dataset and seed.
    """
    datasets = datasets or PAPER_DATASETS
    methods = ("Single", *PAPER_METHODS)
    return combinations(datasets, methods, PAPER_ALPHAS, seeds, **settings)


def paper_results(config):
    """The paper's final test results for an experiment, where it has them.

    Args:
        config: an `ExperimentConfig`.

    Returns:
        Dict from "ST", "M" and "ensemble" to (test error in %, test cost), from the
        paper's Figures A.7 to A.12; empty where the paper has no such experiment.
    """
    known = datasets.DATASETS.get(config.dataset)
    if known is None or known.paper_name is None or config.members != ("ST", "M"):
        return {}
    # The paper lists the traditional ensemble with a weight of 1.0 that it ignores.
    alpha = 1.0 if config.method == "Single" else config.alpha
    with open(PAPER_TABLES, newline="", encoding="utf-8") as file:
        return {
            row["model"].replace("Ens", "ensemble"): (
                float(row["test_error_percent"]),
                float(row["test_cost"]),
            )
            for row in csv.DictReader(file)
            if (row["dataset"], row["method"]) == (known.paper_name, config.method)
            and float(row["alpha"]) == alpha
        }
