"""Keras callbacks that a person registers by name, for runs of the commands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from etils import epy

from collaborative.system.errors import UserError, reason_of
from collaborative.system.registry import Registry

with epy.lazy_imports():
    import keras

CALLBACKS = Registry("callback")


class FailedCallback(UserError):
    """What a callback raised while a run trained; one line that names it."""


def register_callback(name: str) -> Callable[[Callable], Callable]:
    """Makes a function one whose Keras callback runs train with.

    Since a callback may change what is learnt, it is a setting of a run as others are:
    recorded, and part of the directory's name.

    Args:
        name: of the callback: letters, digits, `_`, `.`, `+` and `-`.

    Returns:
        A decorator of functions of no arguments, or of the run's `ExperimentConfig`, to
        a new `keras.callbacks.Callback`. With a `SwapEMAWeights` the optimizer keeps
        the averages that it needs (Keras's `use_ema`).

    Raises:
        ValueError: for a name that is taken or cannot be one, or another signature.

    Example:
        @register_callback("ema")
        def ema():
            return keras.callbacks.SwapEMAWeights()
    """
    CALLBACKS.check(name)

    def add(make):
        if len(inspect.signature(make).parameters) > 1:
            raise ValueError(
                f"callback {name!r} must be a function of no arguments, or of a run's "
                f"config, got {inspect.signature(make)}"
            )
        CALLBACKS.add(name, make)
        return make

    return add


def build_callbacks(names, config):
    """New callbacks for a run.

    Args:
        names: of registered ones.
        config: the run's `ExperimentConfig`.

    Returns:
        List of `keras.callbacks.Callback`s. What they raise when Keras calls them is a
        `FailedCallback`.

    Raises:
        ValueError: where there is no such callback, or what its function says or gives
            cannot be used; one line.
    """
    return [_built(name, CALLBACKS.find(name), config) for name in names]


def _built(name, make, config):
    arguments = [config][: len(inspect.signature(make).parameters)]
    try:
        callback = make(*arguments)
    except Exception as error:  # whatever that function does
        raise ValueError(
            f"callback {name}: {type(error).__name__}: {reason_of(error)}"
        ) from error
    if not isinstance(callback, keras.callbacks.Callback):
        raise ValueError(
            f"callback {name} must give a keras.callbacks.Callback, got "
            f"{type(callback).__name__}"
        )
    _name_failures(callback, name)
    return callback


def _name_failures(callback, name):
    """Has whatever a callback raises when Keras calls it say whose it is."""
    for hook in dir(keras.callbacks.Callback):
        if hook.startswith(("on_", "set_")):
            setattr(callback, hook, _naming(getattr(callback, hook), name, hook))


def _naming(call, name, hook):
    @functools.wraps(call)  # Keras looks for a mark of those that do nothing
    def named(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # whatever it does
            said = f"{type(error).__name__}: {reason_of(error)}"
            raise FailedCallback(
                f"callback {name}, {hook}: {said}: mend it, and the run goes on after "
                "its last whole epoch, or leave it out with --callbacks="
            ) from error

    return named
