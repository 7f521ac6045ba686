import dataclasses
import io
import itertools
import subprocess
import sys
import threading
import time

import pytest
import rich.console
import terminal
from conftest import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.grids import paper_grid
from collaborative.runs import failures, planning, standings, sweep, sweep_command, view
from collaborative.runs.planning import Estimator
from collaborative.system import files, interruption
from collaborative.system.files import Busy

CONFIGS = paper_grid(["digits"], truncate=64, epochs=4)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.001)


class FakePool:
    """Ends each experiment in a few polls, as `outcome(config)` says.

    An outcome is an exit status; 0 logs a finished run first.
    """

    def __init__(self, log_dir, outcome, slots=2):
        self.slots = slots
        self.log_dir, self.outcome = log_dir, outcome
        self.started, self.most, self.now = [], 0, set()
        self.free, self.epochs = 100 * 2**30, 0

    def free_memory(self):
        return self.free

    def start(self, config, slot):
        assert slot not in self.now
        self.now.add(slot)
        self.most = max(self.most, len(self.now))
        self.started.append(config)
        return FakeProcess(self, config, slot)


class FakeProcess:
    def __init__(self, pool, config, slot):
        self.pool, self.config, self.slot = pool, config, slot
        self.polls, self.terminated = 0, False

    def poll(self):
        self.polls += 1
        if self.polls < 5:
            if self.pool.epochs:
                logged_run(self.config, self.pool.log_dir, self.pool.epochs)
            return None
        status = self.pool.outcome(self.config)
        self.pool.now.discard(self.slot)
        if status == 0:
            logged_run(self.config, self.pool.log_dir, finished=True)
        return status

    def memory(self):
        return 2**29, 2**30

    def terminate(self):
        self.terminated = True

    def wait(self, seconds):
        assert self.terminated


def swept(log_dir, pool, configs=CONFIGS, **settings):
    """Runs a sweep; itself and what it showed."""
    output = io.StringIO()
    console = rich.console.Console(file=output, width=200)
    result = sweep.Sweep(configs, log_dir, pool, console, **settings)
    result.count = result.run()
    return result, output.getvalue()


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
        "run_experiments.py: the total cost is nan",
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
    assert sweep.explanation(1, log) == "run_experiments.py: no space left"
    assert sweep.explanation(137, log).startswith("killed (SIGKILL")


def test_no_more_run_at_once_than_memory_allows(tmp_path):
    """1.1 GiB for one more, 0.6 that the first may still take; said once."""
    for free, most in ((1.5, 1), (1.8, 2)):
        pool = FakePool(tmp_path / str(most), lambda config: 0)
        pool.free, pool.epochs = free * 2**30, 1
        result, output = swept(pool.log_dir, pool)
        assert (result.count, pool.most) == (13, most)
        line = "memory: an experiment needs 1.1 GiB, and 0.9 GiB are left: 1 at once"
        assert output.count("memory") == output.count(line) == 2 - most


def test_memory_for_none_is_said_before_the_next(tmp_path):
    pool = FakePool(tmp_path, lambda config: 0 if config != CONFIGS[0] else -9)
    pool.free = 2**30
    result, output = swept(tmp_path, pool, CONFIGS[:3])
    assert (result.count, pool.most) == (2, 1)
    assert (
        output.count("memory: an experiment needs 1.1 GiB, and 1.0 GiB are free") == 1
    )


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


def test_a_run_with_other_settings_is_left_alone(tmp_path):
    logged_run(CONFIGS[0], tmp_path, finished=True)
    other = [dataclasses.replace(config, jit="on") for config in CONFIGS]
    pool = FakePool(tmp_path, lambda config: 0)
    result, _ = swept(tmp_path, pool, other[:2])
    reason = "in the way: a run with jit 'auto', not 'on'"
    assert result.failed == {other[0]: reason}
    assert pool.started == other[1:2]
    assert standings.standing(CONFIGS[0], tmp_path).state == "finished"


def test_a_finished_run_without_its_record_is_told(tmp_path):
    for config in CONFIGS[:4]:
        logged_run(config, tmp_path, finished=True)
    records = [c.run_dir(tmp_path) / "config.json" for c in CONFIGS[:4]]
    records[0].unlink()
    records[1].write_text("[]")
    records[2].write_text(records[3].read_text())
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0), CONFIGS[:4])
    whats = ("is not there", "cannot be read", "is of another run")
    assert result.failed == {
        config: f"in the way: a finished run whose config.json {what}: put it back, or "
        f"remove {config.run_dir(tmp_path)}"
        for config, what in zip(CONFIGS, whats, strict=False)
    }
    stands = standings.standing(CONFIGS[0], tmp_path)
    assert planning.left_of(CONFIGS[0], stands) == 0


def test_statistics_that_cannot_be_read_are_in_the_way(tmp_path):
    path = CONFIGS[0].run_dir(tmp_path) / "stats.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not ours")
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0), CONFIGS[:1])
    assert "stats.pkl cannot be read: remove" in result.failed[CONFIGS[0]]
    assert path.read_bytes() == b"not ours"


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


def test_importing_is_light():
    code = (
        "import sys, collaborative.runs.sweep, collaborative.run_experiments;"
        "print('tensorflow' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.strip() == "False"


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


def has_room(monkeypatch, sizes):
    """Makes a disk that has so many bytes free, each time that it is looked at."""
    sizes = itertools.chain(sizes[:-1], itertools.repeat(sizes[-1]))
    monkeypatch.setattr(sweep.space, "free_disk", lambda directory: next(sizes))


def test_a_disk_that_fills_up_stops_what_has_not_been_started(tmp_path, monkeypatch):
    has_room(monkeypatch, [1e12, 1e12, 1e12, 1e6])
    pool = FakePool(tmp_path, lambda config: 0)
    result, output = swept(tmp_path, pool)
    assert (result.count, result.failed, pool.started) == (2, {}, CONFIGS[:2])
    assert result.stopped.startswith(f"too little room in {tmp_path}: the run needs 16")
    assert "too little room" not in output  # the command says it at the end
    has_room(monkeypatch, [1e12])
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 0))
    assert (result.count, result.stopped) == (13, None)


def test_room_for_some_is_said_before_the_first(tmp_path, monkeypatch):
    """13 models of 4.6 MB, and the checkpoints of two: 11.4 MB each."""
    has_room(monkeypatch, [75e6])
    result, output = swept(tmp_path, FakePool(tmp_path, lambda config: 0))
    assert result.count == 13
    line = "all 13 need 82.3 MB, and 75.0 MB are free"
    assert line in output.splitlines()[0]


def test_a_full_disk_is_the_reason_of_what_fails_on_it(tmp_path, monkeypatch):
    """Its process may not have been able to say so in its output."""
    has_room(monkeypatch, [1e12, 1e12, 4096])
    result, _ = swept(tmp_path, FakePool(tmp_path, lambda config: 1), CONFIGS[:1])
    (reason,) = result.failed.values()
    assert reason == f"there is no room left in {tmp_path}"


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
