"""Recipes: settings that belong together under the name by which they are known.

A recipe is no setting itself. Its values take the place of the defaults, what is given
beside it takes the place of its values, and a run records what came of it.
"""

from __future__ import annotations

from collaborative.experiments.setting import ConfigError

RECIPES = {
    # How CIFAR's residual networks are trained in Deep Mutual Learning (Zhang et al.
    # 2018): SGD with Nesterov's momentum, steps of a tenth, batches of 64 (which are
    # the paper's too), flips and crops of images padded by 4 pixels, here with black
    # and there with reflections. Of weight decay they say nothing; 5e-4 is that of
    # Zagoruyko and Komodakis 2016, who have batches of 128, as He et al. 2016.
    "cifar_sgd": {
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": 0.1,
        "learning_rate_schedule": "step",
        "weight_decay": 5e-4,
        "batch_size": 64,
        "augment": True,
    },
}


def find(name):
    """The settings of a recipe, a dict; without a name none.

    Raises:
        ConfigError: for a name that is none.
    """
    if name is None:
        return {}
    if name not in RECIPES:
        raise ConfigError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    return dict(RECIPES[name])
