import sys
import types

import pytest
import terminal
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
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


def opened(config, log_dir, capsys):
    """What a run says before it begins, of members of 5 and 1,234 parameters."""
    names = zip(config.member_names, (5, 1234), strict=False)
    members = [
        types.SimpleNamespace(name=name, count_params=lambda count=count: count)
        for name, count in names
    ]
    opening = progress.Opening(config, log_dir)
    opening.set_model(types.SimpleNamespace(members=members))
    opening.on_train_begin()
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "settings, said",
    [
        ({}, "ST (5 parameters), M (1,234 parameters) together, L2 0.01"),
        ({"method": "Single"}, "ST (5 parameters), M (1,234 parameters) apart"),
        ({"members": ("ST",)}, "ST (5 parameters) alone"),
        (
            {"members": ("ST",), "teacher": ("ST", "M")},
            "ST (5 parameters) taught by ST, M, KL 1.0",
        ),
    ],
)
def test_a_run_says_what_it_trains_and_where_it_writes(
    settings, said, tmp_path, capsys
):
    config = ExperimentConfig(**settings)
    what, where = opened(config, tmp_path, capsys)
    assert what == f"trains {said}, 30 epochs"
    assert where == f"writes to {config.run_dir(tmp_path)}"


def test_a_long_run_says_how_long_from_what_others_took(tmp_path, capsys):
    config = ExperimentConfig(epochs=30)
    logged_run(ExperimentConfig(seed=1), tmp_path, seconds=[9, 6, 6])
    assert opened(config, tmp_path, capsys)[0].endswith("30 epochs, about 3 min")
    logged_run(config, tmp_path, 25)
    assert opened(config, tmp_path, capsys)[0].endswith("30 epochs")
