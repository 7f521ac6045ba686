"""The settings of an experiment (section 5.2), each with all that is known of it.

A setting's facts (`setting.Setting`) stand with its field: a further one is added here,
and where it is used.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses

from collaborative import collaboration, schedules
from collaborative.experiments.paper_settings import PaperSettings
from collaborative.experiments.setting import (
    NOT_NEGATIVE,
    PART_ABOVE_0,
    PART_BELOW_1,
    POSITIVE,
    at_least,
    setting,
    settings_of,
)
from collaborative.nn import network_files, optimization
from collaborative.nn.networks import NETWORKS

OPTIMIZERS = ("adam", "adamw", "sgd")
KEPT = ("last", "best")
SHUFFLES = ("each_epoch", "once")


@dataclasses.dataclass(frozen=True)
class Settings(PaperSettings):
    """All that decides the outcome of one experiment; `None` is the paper's choice.

    Those that stand here go beyond the paper, first in how a network is trained, then
    in what its section 7.3 asks.
    """

    optimizer: str = setting(
        "adam",
        "{names}: the last with Nesterov's momentum; it wants a learning rate of its "
        "own, for ST and M about 0.01.",
        names=lambda: OPTIMIZERS,
        free=True,
    )
    momentum: float = setting(
        0.9, "Nesterov's momentum of --optimizer sgd.", within=PART_BELOW_1, free=True
    )
    learning_rate_schedule: str = setting(
        "paper",
        "{names}: halved once 50, 75 and 90 % of the steps are done, or a tenth of "
        "what it was once 30, 60 and 90 % are.",
        names=lambda: optimization.LEARNING_RATE_SCHEDULES,
        free=True,
    )
    ema: float = setting(
        0.0,
        "Measure and keep moving averages of the weights: an update has a weight of 1 "
        "minus this, e.g. 0.99. 0: none.",
        within=PART_BELOW_1,
        free=True,
    )
    label_smoothing: float = setting(
        0.0,
        "Part of each label that is shared among all classes, in the minimised "
        "cross-entropy with the labels alone; costs are shown without.",
        within=PART_BELOW_1,
        free=True,
    )
    small_loss: float = setting(
        0.0,
        "Part of each batch, the images of the largest cross-entropies, that is left "
        "out of what is minimised, as their labels may be wrong; reached over the "
        "first tenth of training.",
        within=PART_BELOW_1,
        free=True,
    )
    patience: int = setting(
        0,
        "Stop after so many epochs without a lower validation error of the ensemble; "
        "0: never. Needs --validation: the test set chooses nothing.",
        within=at_least(0),
        free=True,
    )
    keep: str = setting(
        "last",
        "Which epoch's weights to keep: {names}, the one of the lowest validation "
        "error of the ensemble. Needs --validation: the test set chooses nothing.",
        names=lambda: KEPT,
        free=True,
    )
    augment: bool = setting(
        False,
        "Shift training images at random, by up to an eighth; flip those of CIFAR too.",
    )
    shuffle: str = setting(
        "each_epoch",
        "{names}: whether batches are drawn anew in each epoch or, as by the author's "
        "code, are the same in all.",
        names=lambda: SHUFFLES,
        free=True,
    )
    alpha_schedule: str = setting(
        "constant",
        "How alpha changes over training: {names}, with the part of training that it "
        "takes: ramp_up:0.5, burn_in:0.2.",
        names=lambda: schedules.SCHEDULES,
        closed=False,
        together=True,
    )
    # Only where the factor is not 1.
    pull: tuple[str, ...] = setting(
        (),
        "How far members are drawn to the others, e.g. ST=1,M=0.25; with 0 a member "
        "only teaches. Default: 1 each.",
        together=True,
    )
    topology: str = setting(
        "chain",
        "Which pairs of members collaborate: {names}.",
        names=lambda: collaboration.TOPOLOGIES,
        together=True,
    )
    pair_cost: str = setting(
        "sum",
        "{names} of the pairs' costs.",
        names=lambda: collaboration.PAIR_COSTS,
        together=True,
    )
    temperature: float = setting(
        1.0, "Softens the probabilities that a method compares.", together=True
    )
    teacher: tuple[str, ...] = setting(
        (),
        "Distillation: train these networks first, as a traditional ensemble, and then "
        "the one member with their answers.",
        names=lambda: NETWORKS,
        also=network_files.is_file,
        on_card=True,
        together=True,
    )
    # Any names: a run is read without the plugin that it was trained with.
    callbacks: tuple[str, ...] = setting(
        (),
        "Keras callbacks of your own to train with. Default: all that --plugin has.",
    )
    labeled: float = setting(
        1.0,
        "Fraction of the training images whose labels are known; the others are left "
        "out.",
        within=PART_ABOVE_0,
        data=True,
    )
    unlabeled: str | None = setting(
        None,
        "Collaborate on images without labels too: noise, a data set, folder:DIR with "
        "pictures, or holdout:FRACTION of the training images.",
        together=True,
    )
    unlabeled_ratio: float = setting(
        1.0,
        "How many images without labels to one with.",
        within=POSITIVE,
        together=True,
    )
    unlabeled_weight: float = setting(
        1.0,
        "Weight of the collaboration cost on them, besides alpha.",
        within=NOT_NEGATIVE,
        together=True,
    )
    unlabeled_steps: str = setting(
        "mixed",
        "{names}: in the steps with labels, or between them.",
        names=lambda: collaboration.UNLABELED_STEPS,
        together=True,
    )


SETTINGS = settings_of(Settings)
# They say how a run is computed, and not what.
IMMATERIAL = tuple(name for name, facts in SETTINGS.items() if not facts.material)
