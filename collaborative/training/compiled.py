"""A run that takes what XLA compiled for another one, and keeps its own."""

from __future__ import annotations

import keras

from collaborative.system import xla_cache


class KeepCompiled(keras.callbacks.Callback):
    """Uses the cache of `system.xla_cache`, where there is one.

    Keras takes TensorFlow's error of an entry that is cut off for the end of the data:
    training, or an evaluation, that took no step is one of a damaged cache.
    """

    def __init__(self):
        super().__init__()
        self._compiled = set()
        self._is_idle = True

    def on_epoch_begin(self, epoch, logs=None):
        """No step has been taken."""
        self._is_idle = True

    def on_train_batch_begin(self, batch, logs=None):
        """Before the first step is traced."""
        self._name_alike("train")

    def on_train_batch_end(self, batch, logs=None):
        """After it was compiled."""
        self._seal("train")

    def on_test_begin(self, logs=None):
        """Before the first evaluation is traced."""
        self._check()
        self._name_alike("test")
        self._is_idle = True

    def on_test_batch_end(self, batch, logs=None):
        """After it was compiled."""
        self._seal("test")

    def on_test_end(self, logs=None):
        """Before anything is written of the epoch."""
        self._check()

    def _name_alike(self, what):
        if what not in self._compiled:
            xla_cache.align_names()

    def _seal(self, what):
        self._is_idle = False
        if what not in self._compiled:
            self._compiled.add(what)
            xla_cache.seal()

    def _check(self):
        if self._is_idle and xla_cache.is_used():
            raise xla_cache.UnusableCache(xla_cache.advice())
