"""What an experiment is: its settings, the paper's values for them, and its directory.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import re

from collaborative import collaboration, datasets
from collaborative.data import own_names, resizing
from collaborative.experiments import checks
from collaborative.experiments.setting import canonical
from collaborative.experiments.settings import IMMATERIAL, SETTINGS, Settings
from collaborative.nn import network_files


@dataclasses.dataclass(frozen=True)
class ExperimentConfig(Settings):
    """All that decides the outcome of one experiment (section 5.2), validated.

    `None` stands for the paper's choice and is replaced by it.

    Raises:
        ConfigError: for a value that cannot be, naming what is allowed.
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._set(field.name, canonical(field, getattr(self, field.name)))
        self._set("dataset", checks.canonical_dataset(self.dataset))
        for name in ("members", "teacher"):
            self._set(name, tuple(map(network_files.canonical, getattr(self, name))))
        if self.unlabeled is not None:
            self._set("unlabeled", checks.canonical_dataset(self.unlabeled))
        alone = len(self.members) == 1
        if self.method is None:
            of_one = "KL" if self.teacher else "Single"
            self._set("method", of_one if alone else "L2")
        if self.alpha is None:
            self._set("alpha", 1.0 if self.teacher else 0.01)
        if self.method == "Single":
            self._set("alpha", 0.0)
        if self.epochs is None:
            self._set("epochs", datasets.spec(self.dataset).epochs)
        if self.split is None:
            self._set("split", datasets.spec(self.dataset).splits[0])
        if self.image_size is not None:
            self._set("image_size", checks.canonical_size(self.image_size))
        if self.init_from is not None:
            self._set("init_from", os.path.abspath(self.init_from))
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
    def size(self):
        """(height, width) that all images are stretched to, or None."""
        return self.image_size and resizing.size_of(self.image_size)

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
    def data(self):
        """What says which images and labels it has; hashable."""
        names = [name for name, facts in SETTINGS.items() if facts.data]
        chosen = [getattr(self, name) for name in names]
        return (self.dataset, self.seed, self.unlabeled, *chosen)

    @property
    def teacher_config(self):
        """The experiment that trains the teacher, or None: everything else is equal."""
        if not self.teacher:
            return None
        return dataclasses.replace(self.apart, members=self.teacher, init_from=None)

    @property
    def apart(self):
        """The same experiment with members that are trained apart, `Single`."""
        together = [name for name, facts in SETTINGS.items() if facts.together]
        usual = {name: getattr(ExperimentConfig, name) for name in together}
        return dataclasses.replace(self, **usual | {"method": "Single"})

    @property
    def member_names(self):
        """A name for each member: its network's, numbered where that comes again."""
        names = tuple(map(network_files.name_of, self.members))
        seen = [names[: i + 1].count(name) for i, name in enumerate(names)]
        pairs = zip(names, seen, strict=True)
        return tuple(n if count == 1 else f"{n}_{count}" for n, count in pairs)

    def run_dir(self, log_dir):
        """The directory of this experiment below `log_dir`."""
        members = "-".join(map(network_files.short_name, self.members))
        dataset = own_names.short_name(self.dataset).replace("/", "_")
        return (
            pathlib.Path(log_dir, dataset, members)
            / ",".join([f"{self.method}_{self.alpha!r}", *self.variations()])
            / f"seed_{self.seed}"
        )

    def variations(self):
        """What is not as the paper has it: `name=value`, as a directory can have it."""
        usual = ExperimentConfig(self.dataset, self.members, "Single")
        for name, value in self.changes(usual, _without_a_part()).items():
            parts = value if isinstance(value, tuple) else (f"{value}",)
            parts = (network_files.short_name(own_names.short_name(p)) for p in parts)
            text = "+".join(parts)
            if SETTINGS[name].run:  # where it is does not matter, and may be long
                text = "/".join(pathlib.PurePath(value).parts[-4:])
            yield f"{name}=" + re.sub(r"[^\w.+=-]", "_", text)

    def changes(self, other, without=()):
        """The settings that differ from another experiment's: dict from name to value.

        Args:
            other: an `ExperimentConfig`.
            without: names of settings that do not count.
        """
        return {
            name: getattr(self, name)
            for name in SETTINGS
            if name not in without and getattr(self, name) != getattr(other, name)
        }

    def load_dataset(self, **places):
        """Loads the images of the experiment, split as its settings say.

        Args:
            **places: `data_dir`, `manual_dir`, `download` and `stream` of
                `datasets.load`.

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
            image_size=self.size,
            color_mode=self.color_mode,
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
        if own_names.kind(self.unlabeled) == own_names.FOLDER:
            known = {n: v for n, v in places.items() if n in ("data_dir", "stream")}
            return datasets.with_unlabeled_pictures(dataset, self.unlabeled, **known)
        return datasets.with_unlabeled(dataset, self.unlabeled, self.seed, **places)

    def differences(self, settings):
        """How logged settings differ from these.

        Args:
            settings: what `to_json` gave then. A setting that did not exist yet had its
                default; a precision of "auto" fits any.

        Returns:
            Dict from the name of a setting to its two values: theirs, and this one's.
        """
        defaults = ExperimentConfig().to_json()
        return {
            name: (theirs, own)
            for name, own in self.to_json().items()
            if (theirs := settings.get(name, defaults[name])) != own
            and (name, own) != ("precision", "auto")
        }

    def to_json(self):
        """The settings as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def network_of(member):
    """The network of a member by its name, see `ExperimentConfig.member_names`."""
    return re.sub(r"_\d+$", "", member)


def _without_a_part():
    """Settings that are no part of a directory's name beyond its levels."""
    levels = [name for name, facts in SETTINGS.items() if facts.level]
    return (*levels, *IMMATERIAL)
