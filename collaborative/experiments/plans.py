"""Plans: named lists of studies, the most informative first.

A plan runs by itself and can end at any time: an experiment comes before those that
tell less for their time. Within a part all arms have a seed before any has the next.
"""

from __future__ import annotations

import dataclasses
import itertools

from collaborative.experiments import cifar10_studies
from collaborative.experiments.studies import STUDIES


@dataclasses.dataclass(frozen=True)
class Part:
    """A study as a plan has it.

    Args:
        study: its name in `STUDIES`.
        arms: names of those that are wanted; empty: all.
        settings: take the place of those of the study's base.
    """

    study: str
    arms: tuple[str, ...] = ()
    settings: dict = dataclasses.field(default_factory=dict)

    def configs(self, seeds=None, **settings):
        """The experiments in order: a list of `ExperimentConfig`.

        Args:
            seeds, **settings: take the place of the part's own.
        """
        found = STUDIES[self.study].configs(seeds, **self.settings | settings)
        wanted = self.arms or tuple(found)
        by_candidate = [tried for arm in wanted for tried in found[arm].values()]
        by_seed = zip(*by_candidate, strict=True)
        return list(itertools.chain.from_iterable(by_seed))

    @property
    def question(self):
        """The study's question, after its name."""
        return f"{self.study}: {STUDIES[self.study].question}"


_SIZE = {"settings": cifar10_studies.SIZE}

# Named arms are those of the paper's section 7.3, each with what it is compared with.
# What takes an hour or more a run on a core comes last: two networks of 20 layers,
# VD, and three times the epochs.
PLANS = {
    "open_questions": (
        Part("few_labels"),
        Part(
            "asymmetric",
            ("both pulled", "Single", "M teaches only", "ST teaches only"),
            **_SIZE,
        ),
        Part("identical", **_SIZE),
        Part(
            "schedules",
            ("constant", "Single", "ramp up", "burn-in 0.2", "cool-down 0.2"),
            **_SIZE,
        ),
        Part("four_members", ("ST,ST,M,M, Single", "ST,ST,M,M")),
        Part("remark_3.5", ("Single", "L2 0.01", "L2 0.1")),
        Part("mutual_learning"),
        Part("four_members"),
        Part("deep", ("ST, VD, Single", "ST, VD"), **_SIZE),
        Part("remark_3.5"),
    ),
}


def wanted_arms(study, base):
    """The arms of a study that are wanted with some settings in common.

    Args:
        study: its name.
        base: the settings; a planned study's own are among them.

    Returns:
        All of its arms, but where a plan says which it wants.
    """
    parts = [
        part
        for plan in PLANS.values()
        for part in plan
        if part.study == study and part.settings.items() <= base.items()
    ]
    narrow = [part.arms for part in parts if part.settings and part.arms]
    if not narrow:
        return tuple(STUDIES[study].arms)
    return tuple(dict.fromkeys(arm for arms in narrow for arm in arms))
