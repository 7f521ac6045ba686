"""What the settings of an experiment may be: each wrong one is one line for a person.

Nothing here imports TensorFlow, so that it is refused at once.
"""

from __future__ import annotations

import math

from collaborative.data import own_names, resizing
from collaborative.experiments.setting import ConfigError, settings_of
from collaborative.nn.networks import NETWORKS, OF_VALIDATION, RESERVED


def check(config):
    """Checks the settings, each and together.

    Args:
        config: an `ExperimentConfig`.

    Raises:
        ConfigError: for a value that cannot be, naming what is allowed.
    """
    for name, facts in settings_of(type(config)).items():
        facts.check(name, getattr(config, name))
    if not config.members:
        raise ConfigError(f"members must name some of {', '.join(NETWORKS)}")
    _check_names(config)
    if config.color_mode and own_names.kind(config.dataset) != own_names.FOLDER:
        raise ConfigError(
            "color_mode is for a folder of pictures, --dataset folder:DIR, got "
            f"{config.dataset}: leave it out"
        )
    if config.optimizer != "sgd" and config.momentum != type(config).momentum:
        raise ConfigError(
            f"momentum is for optimizer sgd, got {config.optimizer}: leave it out"
        )
    if own_names.kind(config.dataset) is None:
        check_choice(config, config.validation)
    _check_collaboration(config)
    _check_unlabeled(config)


def check_choice(config, images):
    """Checks that an epoch that is chosen is chosen on validation images.

    Args:
        config: an `ExperimentConfig`.
        images: how many validation images there are; sets of one's own may have some
            without `validation`.

    Raises:
        ConfigError: where there are none.
    """
    for name in ("patience", "keep"):
        if not images and getattr(config, name) != getattr(type(config), name):
            raise ConfigError(
                f"{name} needs validation images, since test images choose nothing: "
                "set some aside with --validation, e.g. 500"
            )


def _check_names(config):
    """Members from files have names that nobody has chosen."""
    names = config.member_names
    for network, name in zip(config.members, names, strict=True):
        if names.count(name) > 1 or name in RESERVED or name.startswith(OF_VALIDATION):
            other = "another member's" if names.count(name) > 1 else "taken"
            raise ConfigError(
                f"the name {name} of the member {network} is {other}: rename the file"
            )


def _check_collaboration(config):
    alone = len(config.members) == 1
    if config.teacher and (not alone or config.method == "Single"):
        raise ConfigError(
            "a teacher needs one student and a method to compare them, got members "
            f"{','.join(config.members)} and method {config.method}"
        )
    if alone and not config.teacher and config.method != "Single":
        raise ConfigError(
            f"method {config.method} needs at least 2 members, got "
            f"{config.members[0]} alone: name a second one or use method Single"
        )
    for name in ("pull", "topology", "pair_cost"):
        if alone and getattr(config, name) != getattr(type(config), name):
            raise ConfigError(
                f"{name} is for several members, got {config.members[0]} alone: "
                "leave it out"
            )
    try:
        config.collaboration  # noqa: B018 (it checks itself)
    except ValueError as error:
        raise ConfigError(error) from error


def _check_unlabeled(config):
    if config.unlabeled is None:
        return
    if config.method == "Single" or config.teacher:
        raise ConfigError(
            "unlabeled images are for members that collaborate: leave unlabeled "
            "out, or name several members and a method other than Single"
        )
    if not 0 <= config.holdout < 1 or (
        config.labeled < 1 and config.labeled + config.holdout > 1 + 1e-9
    ):
        raise ConfigError(
            f"labeled {config.labeled} and unlabeled {config.unlabeled} must be parts "
            "of the training images that do not overlap"
        )


def canonical_dataset(name):
    """The one way to write the name of a data set: with an absolute path."""
    try:
        return own_names.canonical(name)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def canonical_size(text):
    """The one way to write a size: 8x8 for 08x8."""
    try:
        height, width = resizing.size_of(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return f"{height}x{width}"


def pull_factor(text):
    """(member, factor) of "NAME=FACTOR"."""
    name, equals, factor = text.partition("=")
    try:
        if equals and math.isfinite(float(factor)) and float(factor) >= 0:
            return name, float(factor)
    except ValueError:
        pass
    raise ConfigError(f"pull must be NAME=FACTOR (a number >= 0), got {text!r}")


def canonical_pull(pull, member_names):
    """The pull of each member where it is not 1, in the order of the members."""
    factors = dict(map(pull_factor, pull))
    for name in factors:
        if name not in member_names:
            raise ConfigError(
                f"pull must name members, {', '.join(member_names)}, got {name!r}"
            )
    return tuple(
        f"{name}={factors[name]:g}"
        for name in member_names
        if factors.get(name, 1.0) != 1
    )
