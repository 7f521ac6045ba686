"""The Keras callbacks of one's own that a run is trained with."""

from __future__ import annotations

import keras

from collaborative.experiments.setting import ConfigError
from collaborative.nn import callbacks


def built(config):
    """The callbacks that an experiment is trained with, a list.

    Raises:
        ConfigError: where there is no such callback, or it cannot be used.
    """
    try:
        found = callbacks.build_callbacks(config.callbacks, config)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    _check_kept_weights(config, found)
    return found


def swaps_averages(callbacks):
    """Whether callbacks need averages of the weights that the optimizer keeps."""
    return bool(_swapping(callbacks))


def _swapping(callbacks):
    return [c for c in callbacks if isinstance(c, keras.callbacks.SwapEMAWeights)]


def _check_kept_weights(config, callbacks):
    """Refuses callbacks that would have other weights kept than were measured."""
    swaps = _swapping(callbacks)
    if any(c.swap_on_epoch for c in swaps):
        raise ConfigError(
            "a callback is a SwapEMAWeights(swap_on_epoch=True), whose averages are "
            "lost where training is stopped early: leave swap_on_epoch out"
        )
    if swaps and config.ema:
        raise ConfigError(
            "a callback is a SwapEMAWeights, which does what --ema does: leave one out"
        )
    stops = [c for c in callbacks if isinstance(c, keras.callbacks.EarlyStopping)]
    if any(c.restore_best_weights for c in stops):
        raise ConfigError(
            "a callback is an EarlyStopping(restore_best_weights=True), which would "
            "keep other weights than were measured last: use --patience and --keep best"
        )
