import sys
import types

import pytest
import terminal

from collaborative.system.interruption import Interrupted
from collaborative.training import progress


def trained(epochs, steps=3):
    """Calls the hooks that `fit` calls, and ends after a step of the last epoch."""
    with progress.Progress(epochs) as shown:
        shown.set_params({"steps": steps})
        shown.set_model(
            types.SimpleNamespace(predictor_names=["ST"], steps_of_a_call=1)
        )
        for epoch in range(epochs):
            shown.on_epoch_begin(epoch)
            for step in range(steps):
                shown.on_train_batch_end(step)
                if epoch == epochs - 1:
                    raise Interrupted(2)
            shown.on_epoch_end(epoch, {"val_ST_error": 0.25})


def test_an_interruption_leaves_no_bar(monkeypatch):
    with terminal.opened() as (file, lines):
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.setattr(sys, "stderr", file)
        with pytest.raises(Interrupted) as raised:
            trained(epochs=2)
        print("interrupted", file=file, flush=True)
        assert raised  # its traceback keeps the bar, which else is closed as garbage
    epoch, message, rest = lines
    assert epoch.startswith("epoch 1/2  error in %: ST 25.00  (")
    assert (message, rest) == ("interrupted", "")


def test_an_end_before_the_first_epoch_has_no_bar():
    with pytest.raises(Interrupted), progress.Progress(1):
        raise Interrupted(15)
