"""What validation images choose of a training: when it ends, which weights it keeps.

Keras's `EarlyStopping` forgets what it has seen when a run is interrupted, and keeps
the weights themselves where their averages were measured.
"""

from __future__ import annotations

import keras
import numpy as np

from collaborative.nn import averages
from collaborative.system.words import counted


class Selection(keras.callbacks.Callback):
    """Stops training, and keeps weights, by the validation error of the ensemble.

    Args:
        patience: training ends after so many epochs without a lower error; 0: never.
        keep: the weights of which epoch are kept: "last", or "best", the first with the
            lowest error.

    The validation data given to `fit` must be validation images. A single member is
    measured in the ensemble's place.
    """

    _PREFIX = "selection/"  # of the names in a checkpoint

    def __init__(self, patience=0, keep="last"):
        super().__init__()
        self.patience, self.keep = patience, keep
        self._errors = []  # one an epoch
        self._weights = []  # of the best epoch, as they were measured

    @property
    def best_epoch(self):
        """The first epoch, from 1, with the lowest validation error."""
        return int(np.argmin(self._errors)) + 1

    @property
    def kept_epoch(self):
        """The epoch, from 1, whose weights are kept."""
        return self.best_epoch if self.keep == "best" else len(self._errors)

    @property
    def is_over(self):
        """Whether there were too many epochs without a lower error."""
        waited = len(self._errors) - self.best_epoch if self._errors else 0
        return bool(self.patience) and waited >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        name = self.model.predictor_names[-1]
        self._errors.append(float(logs[f"val_{name}_error"]))
        if self.keep == "best" and self.best_epoch == len(self._errors):
            with averages.in_place(self.model):
                self._weights = self.model.get_weights()
        if self.is_over:
            self.model.stop_training = True

    def settle(self, model):
        """Gives the trained model the weights that are kept; to call after `fit`."""
        if self.keep == "best":
            model.set_weights(self._weights)

    def said(self, epochs):
        """What a person should know of the choice: list of lines.

        Args:
            epochs: how many were planned.
        """
        done, best = len(self._errors), self.best_epoch
        lowest = f"validation error {100 * self._errors[best - 1]:.2f} %"
        lines = []
        if done < epochs:
            why = (
                f"{counted(self.patience, 'epoch')} without a lower error than in "
                f"epoch {best}, {lowest}"
            )
            why = why if self.is_over else "a callback of yours ended it"
            lines.append(f"stopped after epoch {done} of {epochs}: {why}")
        if self.keep == "best":
            lines.append(f"keeps the weights of epoch {best}: {lowest}")
        return lines

    def arrays(self):
        """All that a checkpoint needs of it: dict of arrays."""
        named = {f"weight/{i}": value for i, value in enumerate(self._weights)}
        named["errors"] = np.array(self._errors, np.float64)
        return {f"{self._PREFIX}{name}": value for name, value in named.items()}

    def restore(self, arrays):
        """Takes what `arrays` gave out of a checkpoint's arrays."""
        own = {n: arrays.pop(n) for n in list(arrays) if n.startswith(self._PREFIX)}
        self._errors = own.pop(f"{self._PREFIX}errors").tolist()
        names = (f"{self._PREFIX}weight/{i}" for i in range(len(own)))
        self._weights = [own[name] for name in names]
