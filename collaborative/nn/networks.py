"""The networks that `members` can name: a registry like that of the costs.

The paper's (`resnet.PRESETS`) are its first entries.
"""

from __future__ import annotations

import contextlib
import inspect

from etils import epy

from collaborative.system.registry import Registry

with epy.lazy_imports():
    import keras

NETWORKS = Registry("network", reserved=("ensemble",))


def register_network(name):
    """Makes a function a network that `members` can name.

    Args:
        name: of the network, for flags and directories: letters, digits, `_`, `.`, `+`
            and `-`.

    Returns:
        A decorator of functions from `(input_shape, num_classes)`, the images'
        (height, width, channels) and an integer, to a Keras model from such images,
        with values 0..255, to logits `[batch, num_classes]`. Of the keyword arguments
        `name`, `seed` (of the initial weights), `dtype` (Keras's policy of the layers)
        and `reduction` it gets those that it takes.

    Raises:
        ValueError: for a name that is taken or cannot be one.

    Example:
        @register_network("linear")
        def linear(input_shape, num_classes):
            inputs = keras.Input(input_shape)
            outputs = keras.layers.Dense(num_classes)(keras.layers.Flatten()(inputs))
            return keras.Model(inputs, outputs)
    """
    NETWORKS.check(name)

    def add(build):
        NETWORKS.add(name, build)
        return build

    return add


def build_network(network, input_shape, num_classes, *, name, seed, dtype, **options):
    """Builds a registered network.

    What its function does not take is done for it: the layers have the policy `dtype`
    by default, and Keras's global generator starts from the seed.

    Args:
        network: its name in NETWORKS.
        input_shape: (height, width, channels) of the images.
        num_classes: how many logits.
        name: of the model.
        seed: integer.
        dtype: Keras dtype policy.
        **options: what only some networks take.

    Returns:
        The model.

    Raises:
        ValueError: where there is no such network, or it cannot take such images.
    """
    build = NETWORKS.find(network)
    offered = {"name": name, "seed": seed, "dtype": dtype, **options}
    taken = inspect.signature(build).parameters
    given = {key: value for key, value in offered.items() if key in taken}
    if "seed" not in given:
        keras.utils.set_random_seed(seed)
    with contextlib.nullcontext() if "dtype" in given else _default_policy(dtype):
        model = build(input_shape, num_classes, **given)
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"network {network} must give a keras.Model, got {type(model).__name__}"
        )
    model.name = name
    return model


@contextlib.contextmanager
def _default_policy(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
