"""Sweeps with little memory, and on disks with little room."""

import itertools

import pytest
from fake_pools import CONFIGS, FakePool, swept

from collaborative.runs import sweep

pytestmark = pytest.mark.usefixtures("fast_polls")


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
