"""What an experiment is: its settings, the paper's values for them, and its directory.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re

from collaborative import collaboration, datasets
from collaborative.experiments import checks


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """All that decides the outcome of one experiment (section 5.2), validated.

    `None` stands for the paper's choice and is replaced by it.

    Raises:
        ConfigError: for a value that cannot be, naming what is allowed.
    """

    dataset: str = "digits"  # a name in datasets.DATASETS, or any tfds name
    members: tuple[str, ...] = ("ST", "M")  # names of presets in resnet.PRESETS
    # A name in costs.METHODS, or Single, the traditional ensemble. None: L2, or
    # for a single member Single, or KL if it has a teacher.
    method: str | None = None
    # Collaboration weight; None: 0.01, or 1 with a teacher; 0 where method is Single
    alpha: float | None = None
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
    # Beyond the paper (section 7.3).
    augment: bool = False  # random shifts, and flips where they keep the class
    alpha_schedule: str = "constant"  # of alpha over training, see `schedules`
    # How far members are drawn to the others: "NAME=FACTOR" where it is not 1.
    pull: tuple[str, ...] = ()
    topology: str = "chain"  # collaboration.TOPOLOGIES
    pair_cost: str = "sum"  # collaboration.PAIR_COSTS
    temperature: float = 1.0  # of methods that compare probabilities
    # The networks whose traditional ensemble was trained first, and teaches.
    teacher: tuple[str, ...] = ()
    labeled: float = 1.0  # fraction of the training images whose labels are known
    # Images to collaborate on without labels: noise, a data set, or holdout:FRACTION of
    # the training images.
    unlabeled: str | None = None
    unlabeled_ratio: float = 1.0  # how many of them to one with a label
    unlabeled_weight: float = 1.0  # of their collaboration cost, besides alpha
    unlabeled_steps: str = "mixed"  # collaboration.UNLABELED_STEPS

    def __post_init__(self):
        alone = len(self.members) == 1
        for name in ("members", "teacher"):
            self._set(name, tuple(getattr(self, name)))
        if self.method is None:
            pupil = "KL" if self.teacher else "Single"
            self._set("method", pupil if alone else "L2")
        if self.alpha is None:
            self._set("alpha", 1.0 if self.teacher else 0.01)
        if self.method == "Single":
            self._set("alpha", 0.0)
        if self.epochs is None:
            self._set("epochs", datasets.spec(self.dataset).epochs)
        if self.split is None:
            self._set("split", datasets.spec(self.dataset).splits[0])
        pull = checks.canonical_pull(self.pull, self.member_names)
        self._set("pull", pull)
        checks.check(self)

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @property
    def collaboration(self):
        """The `collaboration.Collaboration` of the members."""
        pulls = dict(checks.pull_factor(text) for text in self.pull)
        return collaboration.Collaboration(
            self.method,
            self.alpha,
            temperature=self.temperature,
            topology=self.topology,
            pair_cost=self.pair_cost,
            pull=[pulls.get(n, 1.0) for n in self.member_names] if pulls else (),
            schedule=self.alpha_schedule,
        )

    @property
    def holdout(self):
        """The fraction of the training images that are used without their labels."""
        name, _, fraction = (self.unlabeled or "").partition(":")
        if name != "holdout":
            return 0.0
        try:
            return float(fraction)
        except ValueError:
            return math.nan

    @property
    def teacher_config(self):
        """The experiment that trains the teacher, or None: everything else is equal."""
        if not self.teacher:
            return None
        return dataclasses.replace(
            self,
            members=self.teacher,
            method="Single",
            alpha=0.0,
            teacher=(),
            temperature=ExperimentConfig.temperature,
            alpha_schedule=ExperimentConfig.alpha_schedule,
        )

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
            / ",".join([f"{self.method}_{self.alpha!r}", *self._variations()])
            / f"seed_{self.seed}"
        )

    def _variations(self):
        """What is not as the paper has it, as parts of a directory's name."""
        usual = ExperimentConfig(self.dataset, self.members, "Single")
        for name, value in self.changes(usual, _NOT_IN_RUN_DIR).items():
            text = "+".join(value) if isinstance(value, tuple) else f"{value}"
            yield f"{name}=" + re.sub(r"[^\w.+=-]", "_", text)

    def changes(self, other, without=()):
        """The settings that differ from another experiment's: dict from name to value.

        Args:
            other: an `ExperimentConfig`.
            without: names of settings that do not count.
        """
        return {
            name: getattr(self, name)
            for name in _FIELDS
            if name not in without and getattr(self, name) != getattr(other, name)
        }

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
        if self.labeled < 1 or self.holdout:
            dataset = datasets.with_few_labels(dataset, self.labeled, self.holdout)
        if self.label_noise:
            dataset = datasets.with_label_noise(dataset, self.label_noise, self.seed)
        if self.unlabeled is None or self.holdout:
            return dataset
        if self.unlabeled == datasets.NOISE:
            return dataclasses.replace(dataset, unlabeled=datasets.NOISE)
        other = datasets.load(self.unlabeled, seed=self.seed, **places)
        return datasets.with_unlabeled(dataset, other)

    def differences(self, settings):
        """How logged settings differ from these, in words; "" where they do not.

        Args:
            settings: what `to_json` gave then. A setting that did not exist yet had its
                default; a precision of "auto" fits any.
        """
        defaults = ExperimentConfig().to_json()
        differing = [
            f"{name} {settings.get(name, defaults[name])!r}, not {value!r}"
            for name, value in self.to_json().items()
            if settings.get(name, defaults[name]) != value
            and (name, value) != ("precision", "auto")
        ]
        return "; ".join(differing)

    def to_json(self):
        """The settings as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


_FIELDS = ExperimentConfig.__dataclass_fields__
# They have directories of their own, or say how a run is computed and not what.
_NOT_IN_RUN_DIR = (
    "dataset", "members", "method", "alpha", "seed", "precision", "jit", "strategy",
)  # fmt: skip
