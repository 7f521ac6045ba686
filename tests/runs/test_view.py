"""What a sweep shows: the errors of what runs, and names as they are."""

import io
import time

import pytest
import rich.console
from fake_pools import CONFIGS, FakePool, swept
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import view
from collaborative.runs.planning import Estimator

pytestmark = pytest.mark.usefixtures("fast_polls")


def test_the_bars_show_the_errors_of_what_runs(tmp_path):
    config = CONFIGS[0]
    logged_run(config, tmp_path, 2)
    output = io.StringIO()
    console = rich.console.Console(file=output, width=200, force_terminal=True)
    with view.View([config], tmp_path, Estimator(tmp_path), console) as shown:
        shown.update([config])
        end = time.monotonic() + 30  # drawn ten times a second
        while "ensemble" not in output.getvalue() and time.monotonic() < end:
            time.sleep(0.02)
    assert "test error in %: ensemble 50.00" in output.getvalue()


def test_the_errors_of_a_finished_run_are_those_of_what_it_kept():
    nan, curves = float("nan"), {"validation_error": [0.5, 0.25, 0.75]}
    models = {"ST": curves, "ensemble": {"validation_error": [0.5, 0.125, 0.75]}}
    statistics = {"models": models, "end_time": None}
    newest = "validation error in %: ST 75.00  ensemble 75.00"
    assert view.errors(statistics) == newest
    for found in models.values():
        found["test_error"] = [nan, 0.3, nan]
    kept = "validation error in %: ST 25.00  ensemble 12.50"
    assert view.errors(statistics | {"end_time": 2.0}) == kept


def test_names_are_shown_as_they_are(tmp_path):
    config = ExperimentConfig("[red]bold/x", epochs=1)
    pool = FakePool(tmp_path, lambda config: 0)
    assert "[red]bold_x/ST-M" in swept(tmp_path, pool, [config])[1]
