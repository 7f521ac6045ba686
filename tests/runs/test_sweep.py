"""A sweep: all is run side by side, once, whatever fails or is in the way."""

import dataclasses
import subprocess
import sys
import threading
import time

import pytest
from fake_pools import CONFIGS, FakePool, swept
from logged_runs import logged_run

from collaborative.runs import failures, planning, standings, sweep, sweep_command
from collaborative.system import files
from collaborative.system.files import Busy

pytestmark = pytest.mark.usefixtures("fast_polls")


def test_runs_all_side_by_side(tmp_path):
    pool = FakePool(tmp_path, lambda config: 0)
    result, output = swept(tmp_path, pool)
    assert (result.count, result.failed, pool.most) == (13, {}, 2)
    assert sorted(map(repr, pool.started)) == sorted(map(repr, CONFIGS))
    assert "[13/13]" in output and "100%" in output
    assert output.count("finished  test error in %: ensemble 50.00") == 13


def test_finished_ones_are_not_run_again(tmp_path):
    for config in CONFIGS[:5]:
        logged_run(config, tmp_path, finished=True)
    pool = FakePool(tmp_path, lambda config: 0)
    assert swept(tmp_path, pool)[0].count == 13
    assert pool.started == CONFIGS[5:]


def test_a_failure_stops_nothing_and_is_recorded(tmp_path):
    def outcome(config):
        log = config.run_dir(tmp_path) / "output.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("epoch 1/4\nrun_experiments.py: the total cost is nan\n\n")
        return {CONFIGS[2]: 1, CONFIGS[4]: -9, CONFIGS[5]: -11}.get(config, 0)

    result, output = swept(tmp_path, FakePool(tmp_path, outcome))
    assert result.count == 10
    assert list(result.failed.values()) == [
        "the total cost is nan",
        "killed (SIGKILL), probably for want of memory, of which it took 1.0 GiB: run "
        "fewer at once (--jobs), or with a smaller --batch_size",
        "killed by signal 11",
    ]
    assert failures.reason(CONFIGS[4].run_dir(tmp_path)).startswith("killed")
    assert "failed: killed by signal 11" in output
    assert standings.standing(CONFIGS[2], tmp_path).state == "failed"
    # The next sweep tries them again.
    pool = FakePool(tmp_path, lambda config: 0)
    assert swept(tmp_path, pool)[0].count == 13
    assert set(pool.started) == {CONFIGS[2], CONFIGS[4], CONFIGS[5]}


def test_what_has_the_same_data_is_not_started_where_they_cannot_be_had(tmp_path):
    """It fails with it, and is tried again by the next sweep; other data are tried."""
    other = [dataclasses.replace(config, seed=2) for config in CONFIGS[:2]]
    logged_run(CONFIGS[3], tmp_path, finished=True)

    def outcome(config):
        if config in other:
            return 0
        log = config.run_dir(tmp_path) / "output.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("digits is not prepared\n")
        failures.record(log.parent, "digits is not prepared", of_data=True)
        return 1

    pool = FakePool(tmp_path, outcome, slots=1)
    result, output = swept(tmp_path, pool, CONFIGS + other)
    assert pool.started == [CONFIGS[0], *other] and result.count == 3
    assert set(result.failed) == {*CONFIGS} - {CONFIGS[3]}
    assert set(result.failed.values()) == {"digits is not prepared"}
    assert "not started, on the same data: 11 more\n" in output
    assert failures.is_of_data(CONFIGS[0].run_dir(tmp_path))
    # What it says is of that time: another fault damns no others.
    pool = FakePool(tmp_path, lambda config: -9 if config == CONFIGS[0] else 0)
    assert swept(tmp_path, pool, CONFIGS + other)[0].count == 14
    pool = FakePool(tmp_path, lambda config: 0)
    assert swept(tmp_path, pool, CONFIGS + other)[0].count == 15


def test_failures_with_one_reason_are_one_line(tmp_path):
    reasons = ["no data", "no room on the disk", "no data", "no data"]
    failed = dict(zip(CONFIGS, reasons, strict=False))
    first, second = (config.run_dir(tmp_path) for config in CONFIGS[:2])
    assert list(sweep_command.failure_lines(failed, tmp_path)) == [
        f"  {first} and 2 more: no data",
        f"  {second}: no room on the disk",
    ]


def test_what_another_sweep_runs_is_no_failure_of_this_one(tmp_path):
    """It may have the data, as on another machine."""
    other = threading.Event()

    def outcome(config):
        if config == CONFIGS[0]:
            failures.record(config.run_dir(tmp_path), "no data", of_data=True)
            other.set()
            return 1
        return 0

    def hold():
        with files.locked(CONFIGS[1].run_dir(tmp_path)):
            started.set()
            other.wait()
            time.sleep(0.2)

    started = threading.Event()
    CONFIGS[0].run_dir(tmp_path).mkdir(parents=True)
    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    result, _ = swept(tmp_path, FakePool(tmp_path, outcome, slots=1), CONFIGS[:3])
    thread.join()
    assert set(result.failed) == {CONFIGS[0], CONFIGS[2]} and result.count == 1


def test_a_process_that_ends_well_without_a_result_has_failed(tmp_path):
    def outcome(config):
        config.run_dir(tmp_path).mkdir(parents=True)
        return 0 if config != CONFIGS[0] else 3

    result, _ = swept(tmp_path, FakePool(tmp_path, outcome), CONFIGS[:2])
    assert result.failed == {CONFIGS[0]: "exit status 3"}


def test_why_a_process_ended(tmp_path):
    log = tmp_path / "run" / "output.log"
    assert "has vanished" in sweep.explanation(1, log)
    log.parent.mkdir()
    assert sweep.explanation(1, log) == "exit status 1"
    log.write_text("epoch 1/2\nrun_experiments.py: no space left\n")
    assert sweep.explanation(1, log) == "no space left"
    assert sweep.explanation(137, log).startswith("killed (SIGKILL")


def test_what_another_process_runs_is_waited_for(tmp_path):
    """Its lock is free again once the other one has died: then it is run here."""
    pool = FakePool(tmp_path, lambda config: 0)
    other = threading.Event()

    def hold():
        with files.locked(CONFIGS[0].run_dir(tmp_path)):
            other.set()
            time.sleep(0.3)
            assert CONFIGS[0] not in pool.started

    thread = threading.Thread(target=hold)
    thread.start()
    other.wait()
    assert swept(tmp_path, pool)[0].count == 13
    thread.join()
    assert pool.started[-1] == CONFIGS[0]


def test_a_busy_run_is_tried_again(tmp_path):
    statuses = iter([Busy.status, Busy.status, 0])
    pool = FakePool(tmp_path, lambda config: next(statuses))
    assert swept(tmp_path, pool, CONFIGS[:1])[0].count == 1
    assert pool.started == CONFIGS[:1] * 3


def test_a_run_with_other_settings_is_left_alone(tmp_path):
    logged_run(CONFIGS[0], tmp_path, finished=True)
    other = [dataclasses.replace(config, jit="on") for config in CONFIGS]
    pool = FakePool(tmp_path, lambda config: 0)
    result, _ = swept(tmp_path, pool, other[:2])
    assert list(result.failed) == other[:1]
    reason = "in the way: a run with jit 'auto', not 'on': use --jit auto or"
    assert result.failed[other[0]].startswith(reason)
    assert pool.started == other[1:2]
    assert standings.standing(CONFIGS[0], tmp_path).is_finished


def test_a_finished_run_without_its_record_is_told(tmp_path):
    for config in CONFIGS[:4]:
        logged_run(config, tmp_path, finished=True)
    records = [c.run_dir(tmp_path) / "config.json" for c in CONFIGS[:4]]
    records[0].unlink()
    records[1].write_text("[]")
    records[2].write_text(records[3].read_text())
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0), CONFIGS[:4])
    why = "list indices must be integers or slices, not str"
    whats = (
        "finished run whose config.json is not there: put it",
        f"run that cannot be read: {records[1]} is damaged ({why}): put a whole one",
        "run whose config.json is of another: put its own",
    )
    assert result.failed == {
        config: f"in the way: a {what} back, or move {config.run_dir(tmp_path)} away"
        for config, what in zip(CONFIGS, whats, strict=False)
    }
    stands = standings.standing(CONFIGS[0], tmp_path)
    assert planning.left_of(CONFIGS[0], stands) == 0


def test_statistics_that_cannot_be_read_are_in_the_way(tmp_path):
    path = CONFIGS[0].run_dir(tmp_path) / "stats.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not ours")
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0), CONFIGS[:1])
    assert f"a run that cannot be read: {path}: " in result.failed[CONFIGS[0]]
    assert path.read_bytes() == b"not ours"


def test_importing_is_light():
    code = (
        "import sys, collaborative.runs.sweep, collaborative.run_experiments;"
        "print('tensorflow' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.strip() == "False"
