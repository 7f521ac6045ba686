"""Keras's line of a step and of an epoch, with few of the statistics."""

from __future__ import annotations

import keras


class FewStatistics(keras.callbacks.ProgbarLogger):
    """Keras's own, without some of the statistics.

    Args:
        hidden: their names.
    """

    def __init__(self, hidden):
        super().__init__()
        self._hidden = hidden | {f"val_{name}" for name in hidden}

    def _shown(self, logs):
        return {k: v for k, v in (logs or {}).items() if k not in self._hidden}

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, self._shown(logs))

    def on_test_batch_end(self, batch, logs=None):
        super().on_test_batch_end(batch, self._shown(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, self._shown(logs))

    def on_test_end(self, logs=None):
        super().on_test_end(self._shown(logs))
