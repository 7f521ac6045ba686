"""Moving averages of the weights, which the optimizer keeps, in the weights' place.

Keras's `SwapEMAWeights` exchanges them by sums and differences: each evaluation rounds
the weights that training goes on with (3.15.1). Here they are copied, and come back bit
for bit. Moments of batch normalization are averages of their own, and stay.
"""

from __future__ import annotations

import contextlib

import keras


@contextlib.contextmanager
def in_place(model):
    """Within the block a compiled model has the averages, if its optimizer has some."""
    own = _put_in(model)
    try:
        yield
    finally:
        _put_back(model, own)


class MeasureAverages(keras.callbacks.Callback):
    """Has `fit` and `evaluate` measure the averages; at the end of `fit` they stay."""

    def on_test_begin(self, logs=None):
        self._own = _put_in(self.model)

    def on_test_end(self, logs=None):
        _put_back(self.model, self._own)


def _put_in(model):
    """Gives a model the averages; the values of its weights."""
    own = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return own


def _put_back(model, own):
    for variable, value in zip(model.trainable_variables, own, strict=True):
        variable.assign(value)
