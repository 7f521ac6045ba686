"""The networks that `members` can name: a registry like that of the costs, and files.

The paper's (`resnet.PRESETS`) are the registry's first entries. A file of a Keras model
(`network_files`) is a network too.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable

from etils import epy

from collaborative.nn import network_files
from collaborative.system.errors import UserError, reason_of
from collaborative.system.registry import Form, Registry

with epy.lazy_imports():
    import keras

    from collaborative.nn import outputs

RESERVED = ("ensemble", "collaboration", "unlabeled")  # begin names of other statistics
OF_VALIDATION = "val_"  # begins those that Keras measures on other images
# In a directory's name - stands between members and + between teachers, and an equal
# member is told from the first by _2.
_FORM = Form(
    rf"(?a:(?!.*_\d+$)(?!{OF_VALIDATION})[A-Za-z][\w.]*)",
    "of letters, digits, _ and ., with a letter first, which is not of val_, and no _2 "
    "or the like, which tells equal members apart, at the end",
)
NETWORKS = Registry("network", RESERVED, _FORM)
NETWORKS.hint += (
    "; a file ends in .keras, and stands in double quotes if its path has a comma"
)
_OFFERED = ("name", "seed", "dtype", "reduction")


def register_network(name: str) -> Callable[[Callable], Callable]:
    """Makes a function a network that `members` can name.

    Args:
        name: of the network, for flags, directories and metrics: ASCII letters, digits,
            `_` and `.`, a letter first; without `val_` before it and an end like `_2`.

    Returns:
        A decorator of functions from `(input_shape, num_classes)`, the images'
        (height, width, channels) and an integer, to a Keras model from such images,
        with values 0..255, to logits `[batch, num_classes]`. Of the keyword arguments
        `name`, `seed` (of the initial weights), `dtype` (Keras's policy of the layers)
        and `reduction` it gets those that it takes (with `**kwargs` all of them); what
        it does not take is done for it, see `build_network`, but for `reduction`.

    Raises:
        ValueError: for a name that is taken or cannot be one, or another signature.

    Example:
        @register_network("linear")
        def linear(input_shape, num_classes):
            inputs = keras.Input(input_shape)
            outputs = keras.layers.Dense(num_classes)(keras.layers.Flatten()(inputs))
            return keras.Model(inputs, outputs)
    """
    NETWORKS.check(name)
    if network_files.is_file(name):
        raise ValueError(f"a network's name must not end like a file's, got {name!r}")

    def add(build):
        NETWORKS.check(name, build)
        try:
            given = _taken(build, dict.fromkeys(_OFFERED))
            inspect.signature(build).bind(None, None, **given)
        except TypeError as error:
            raise ValueError(
                f"network {name!r} must be a function of (input_shape, num_classes) "
                f"and, if it likes, {', '.join(_OFFERED)}: {error}"
            ) from None
        NETWORKS.add(name, build)
        return build

    return add


def _taken(build, offered):
    """Those of the keyword arguments that a function takes."""
    parameters = inspect.signature(build).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}


def build_network(network, input_shape, num_classes, *, name, seed, dtype, **options):
    """Builds a registered network, or loads one from a file.

    What its function does not take is done for it: the model gets its name, the layers
    have the policy `dtype` by default. Keras's global generator starts from the seed in
    any case, for what a function does not seed. One from a file keeps its weights and
    the policies of its layers.

    Args:
        network: its name in NETWORKS, or the canonical path of a file.
        input_shape: (height, width, channels) of the images.
        num_classes: how many logits.
        name: of the model.
        seed: integer.
        dtype: Keras dtype policy.
        **options: what only some networks take.

    Returns:
        The model, with its weights.

    Raises:
        ValueError: where there is no such network, or what its function says or gives
            cannot be used; one line.
    """
    keras.utils.set_random_seed(seed)
    if network_files.is_file(network):
        model = network_files.load(network)
        _check_model(model, input_shape, num_classes)
        model.name = name
        return model
    build = NETWORKS.find(network)
    given = _taken(build, {"name": name, "seed": seed, "dtype": dtype, **options})
    with contextlib.nullcontext() if "dtype" in given else _default_policy(dtype):
        try:
            model = build(input_shape, num_classes, **given)
            _check_model(model, input_shape, num_classes)
        except UserError:
            raise
        except Exception as error:  # whatever that function does
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            raise ValueError(f"{kind}{reason_of(error)}") from error
    model.name = name
    return model


def _check_model(model, input_shape, num_classes):
    """Refuses what gives no logits of so many classes; makes the weights, if need be.

    They come from this member's seed, and the optimizer wants to see them.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"it must give a keras.Model, got {type(model).__name__}")
    _check_input(getattr(model, "input_shape", None), input_shape)
    found = getattr(model, "output_shape", None)
    if found is None:  # a subclassed model, or a sequential one without an input
        image = keras.Input(input_shape)
        found = keras.tree.map_structure(lambda one: tuple(one.shape), model(image))
    if found != (None, num_classes):
        raise ValueError(f"it must give logits [batch, {num_classes}], got {found}")
    if getattr(model, "outputs", None) is None:  # of others it is seen without images
        images = outputs.inputs_like(keras.Input(input_shape))
        kind = outputs.kind_of_outputs(model, images)
        if kind != outputs.LOGITS:
            given = outputs.DESCRIPTIONS[kind]
            raise ValueError(f"it must give logits, and gives {given}")


def _check_input(taken, input_shape):
    """Refuses a model that takes other images, where it says what it takes."""
    if taken is None:
        return
    is_one = isinstance(taken, tuple) and len(taken) == 1 + len(input_shape)
    if not is_one or any(
        wanted not in (None, size)
        for wanted, size in zip(taken, (None, *input_shape), strict=True)
    ):
        raise ValueError(
            f"it must take images [batch, {', '.join(map(str, input_shape))}] as the "
            f"data set has them, and takes {taken}; --image_size stretches images"
        )


@contextlib.contextmanager
def _default_policy(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
