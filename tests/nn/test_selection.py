import types

import numpy as np
import pytest

from collaborative.nn.selection import Selection


class Model:
    """Has the number of its epoch for a weight, and no averages."""

    predictor_names = ("ST", "ensemble")
    trainable_variables = ()
    optimizer = types.SimpleNamespace(finalize_variable_values=lambda variables: None)
    stop_training = False
    weights = None

    def get_weights(self):
        return [np.array(self.weights)]

    def set_weights(self, values):
        (self.weights,) = values


def trained(selection, errors):
    """The epochs, from the one that it stands at, until it ends."""
    model = Model()
    selection.set_model(model)
    for epoch, error in enumerate(errors, 1):
        model.weights = epoch
        selection.on_epoch_end(epoch - 1, {"val_ensemble_error": error})
        if model.stop_training:
            break
    return model


@pytest.mark.parametrize(
    "patience, errors, done",
    [
        (2, [0.5, 0.4, 0.4, 0.4, 0.1], 4),  # an equal error is no lower one
        (2, [0.5, 0.4, 0.4, 0.3, 0.3, 0.2], 6),
        (1, [0.5, 0.6, 0.1], 2),
        (0, [0.5, 0.6, 0.7, 0.8], 4),
    ],
)
def test_training_ends_when_patience_does(patience, errors, done):
    selection = Selection(patience)
    model = trained(selection, errors)
    assert model.weights == selection.kept_epoch == done
    assert selection.is_over == bool(model.stop_training)


def test_the_first_of_the_best_epochs_is_kept():
    selection = Selection(keep="best")
    model = trained(selection, [0.5, 0.25, 0.25, 0.3])
    selection.settle(model)
    assert model.weights == selection.kept_epoch == 2
    assert selection.said(4) == [
        "keeps the weights of epoch 2: validation error 25.00 %"
    ]


def test_a_checkpoint_has_all_of_it():
    selection = Selection(2, "best")
    trained(selection, [0.5, 0.25, 0.3])
    arrays = {"start_time": 0.0} | selection.arrays()
    again = Selection(2, "best")
    again.restore(arrays)
    assert arrays == {"start_time": 0.0}
    model = trained(again, [0.3])
    assert model.stop_training and again.best_epoch == 2
    again.settle(model)
    assert model.weights == 2
    assert again.said(9)[0] == (
        "stopped after epoch 4 of 9: 2 epochs without a lower error than in epoch 2, "
        "validation error 25.00 %"
    )


def test_a_training_that_another_callback_ended_says_so():
    selection = Selection(patience=3, keep="best")
    trained(selection, [0.5, 0.25])
    assert selection.said(4)[0] == (
        "stopped after epoch 2 of 4: a callback of yours ended it"
    )
