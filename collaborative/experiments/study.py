"""What a study is: a question, and the experiments that answer it."""

from __future__ import annotations

import dataclasses
import itertools

from collaborative import datasets
from collaborative.collaboration import UNLABELED_STEPS
from collaborative.experiments.config import ExperimentConfig

SEEDS = (912, 913, 914)
SMALL = {"dataset": "notmnist_small", "truncate": 2_000, "epochs": 10}


@dataclasses.dataclass(frozen=True)
class Choice:
    """Values of a setting, of which the validation images choose one."""

    values: tuple


@dataclasses.dataclass(frozen=True)
class Scale:
    """A number that the arms of a study have, so that they lie on lines.

    name: of the number. places: by arm, the line that it is on and its number.
    """

    name: str
    places: dict[str, tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Study:
    """A question, and the experiments that answer it.

    Args:
        question: as the paper asks it.
        arms: by name: the settings that distinguish it, each a value or a `Choice`;
            `times_epochs` is a factor of the epochs of the others.
        controls: by arm: the arm that it is compared with. Empty: all arms are compared
            with the first.
        compared: presets of members, and "ensemble", whose errors are of interest.
        base: settings that all arms have in common, unless a person gives others.
        seeds: of its experiments.
        counts_as: by network that is trained in the place of a model of `compared`,
            such as one as large as the ensemble: that model, in whose column it is.
        deployed: what a person would use of it: by name an arm and one of its models,
            whose errors are shown beside what they cost.
        prediction: what was expected before any of them was run, a sentence.
        scale: on which the arms lie, if they do on one; members and ensemble are then
            drawn over it, with how far the members are apart.
    """

    question: str
    arms: dict[str, dict]
    controls: dict[str, str] = dataclasses.field(default_factory=dict)
    compared: tuple[str, ...] = ("ST", "M", "ensemble")
    base: dict = dataclasses.field(default_factory=lambda: dict(SMALL))
    seeds: tuple[int, ...] = SEEDS
    counts_as: dict[str, str] = dataclasses.field(default_factory=dict)
    deployed: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    prediction: str = ""
    scale: Scale | None = None

    def comparisons(self):
        """Pairs (arm, the arm that it is compared with), in order."""
        if self.controls:
            return [
                (arm, self.controls[arm]) for arm in self.arms if arm in self.controls
            ]
        first, *others = self.arms
        return [(arm, first) for arm in others]

    @property
    def varied(self):
        """The settings that its arms set, each of which it has to itself."""
        return {name for own in self.arms.values() for name in own} - {"times_epochs"}

    @property
    def chooses(self):
        """Whether an arm has a `Choice`, so that validation images are needed."""
        return any(
            isinstance(v, Choice) for own in self.arms.values() for v in own.values()
        )

    def configs(self, seeds=None, **settings):
        """The experiments of all arms.

        Args:
            seeds: in place of its own.
            **settings: take the place of those of `base`.

        Returns:
            Dict from arm to a dict from candidate, its chosen settings in words ("" in
            an arm without a `Choice`), to a list of `ExperimentConfig`, one a seed.
        """
        base = self.base | settings
        usual = ExperimentConfig(**base).epochs
        found = {}
        for arm, own in self.arms.items():
            epochs = max(1, round(own.get("times_epochs", 1) * usual))
            own = {name: own[name] for name in own if name != "times_epochs"}
            found[arm] = {
                candidate: [
                    ExperimentConfig(**base | {"epochs": epochs} | tried, seed=seed)
                    for seed in seeds or self.seeds
                ]
                for candidate, tried in _candidates(own).items()
            }
        return found


def with_unlabeled(labeled):
    """Arms that have labels of a part of the images alone, and images without.

    Args:
        labeled: the part, from 0 to 1; the rest is one source of images.
    """
    sources = {
        "the rest": f"holdout:{1 - labeled:g}",
        "MNIST": "mnist",
        "noise": datasets.NOISE,
    }
    return {
        f"{name}, {steps}": {
            "labeled": labeled,
            "unlabeled": source,
            "unlabeled_steps": steps,
        }
        for name, source in sources.items()
        for steps in UNLABELED_STEPS
    }


def _candidates(own):
    """The settings of an arm by candidate: all combinations of its choices."""
    names = [name for name, value in own.items() if isinstance(value, Choice)]
    combinations = itertools.product(*(own[name].values for name in names))
    chosen = (dict(zip(names, values, strict=True)) for values in combinations)
    return {_in_words(values): own | values for values in chosen}


def _in_words(values):
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
