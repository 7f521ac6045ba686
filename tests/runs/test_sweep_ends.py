"""Sweeps that end before all is done: by an interruption, or by their limit."""

import pytest
import rich.console
import terminal
from fake_pools import CONFIGS, FakePool, FakeProcess, swept
from logged_runs import logged_run

from collaborative.runs import standings, sweep
from collaborative.system import interruption

pytestmark = pytest.mark.usefixtures("fast_polls")


def test_an_interruption_ends_the_processes(tmp_path):
    processes = []

    class Pool(FakePool):
        def start(self, config, slot):
            processes.append(super().start(config, slot))
            if len(processes) == 2:
                raise interruption.Interrupted(15)
            return processes[-1]

    with pytest.raises(interruption.Interrupted):
        swept(tmp_path, Pool(tmp_path, lambda config: 0))
    assert processes[0].terminated


def test_an_interruption_leaves_no_bar(tmp_path):
    class Pool(FakePool):
        def start(self, config, slot):
            if self.started:
                raise interruption.Interrupted(2)
            return super().start(config, slot)

    with terminal.opened() as (file, lines):
        console = rich.console.Console(file=file, width=100, highlight=False)
        pool = Pool(tmp_path, lambda config: 0, slots=1)
        with pytest.raises(interruption.Interrupted):
            sweep.Sweep(CONFIGS, tmp_path, pool, console).run()
        print("interrupted", file=file, flush=True)
    first, message, rest = lines
    assert first.startswith("[1/13]") and (message, rest) == ("interrupted", "")


def test_a_limit_ends_what_runs_and_begins_nothing_more(tmp_path):
    """The first two have an epoch each when the time is up, and are no failures."""
    processes = []

    class Pool(FakePool):
        def start(self, config, slot):
            logged_run(config, tmp_path, 1)
            processes.append(super().start(config, slot))
            return processes[-1]

    pool = Pool(tmp_path, lambda config: 0)
    ended, _ = swept(tmp_path, pool, limit=0)
    assert ended.count == 0 and ended.is_out_of_time
    assert (ended.failed, ended.stopped) == ({}, None)
    assert pool.started == CONFIGS[:2] and all(p.terminated for p in processes)
    for config in CONFIGS[:2]:
        assert str(standings.standing(config, tmp_path)) == "interrupted, 1 epoch done"
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0))
    assert (result.count, result.is_out_of_time) == (13, False)


def test_what_is_finished_in_time_is_no_end_by_the_limit(tmp_path):
    for config in CONFIGS:
        logged_run(config, tmp_path, finished=True)
    pool = FakePool(tmp_path, lambda config: 0)
    result, _ = swept(tmp_path, pool, limit=0)
    assert result.count == 13 and not result.is_out_of_time


def test_what_finishes_while_it_is_told_to_end_is_no_end_by_the_limit(tmp_path):
    """Else the last line would have nothing that is left, and the status be 124."""

    class Finishes(FakeProcess):
        def terminate(self):
            super().terminate()
            logged_run(self.config, tmp_path, finished=True)

    class Pool(FakePool):
        def start(self, config, slot):
            super().start(config, slot)
            return Finishes(self, config, slot)

    pool = Pool(tmp_path, lambda config: 0)
    result, _ = swept(tmp_path, pool, CONFIGS[:2], limit=0)
    assert (result.count, result.failed, result.is_out_of_time) == (2, {}, False)
