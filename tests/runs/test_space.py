import collections
import shutil

import pytest
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.runs import planning, space

CONFIG = ExperimentConfig("digits", epochs=10)


@pytest.fixture
def disk(monkeypatch):
    """Makes disks that have so many bytes free."""

    def make(free):
        usage = collections.namedtuple("usage", "free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(free))

    return make


def test_what_is_free_where_a_directory_will_be(tmp_path):
    free = space.free_disk(tmp_path / "logs" / "run")
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_one_line(tmp_path, disk):
    disk(3_000_000)
    space.check(tmp_path, 3_000_000)
    with pytest.raises(space.DiskFull) as raised:
        space.check(tmp_path, 14_200_000)
    assert str(raised.value) == (
        f"too little room in {tmp_path}: the run needs 14.2 MB, and 3.0 MB are free: "
        "make room, and the same command goes on"
    )


def test_what_a_run_has_written_counts_as_room(tmp_path, disk):
    disk(3_000_000)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "epoch_0001.npz").write_bytes(bytes(1000))
    space.check(tmp_path, 3_001_000)
    with pytest.raises(space.DiskFull):
        space.check(tmp_path, 3_001_001)


def test_a_finished_run_tells_what_others_take(tmp_path):
    assert planning.Estimator(tmp_path).run_bytes(CONFIG) == space.ASSUMED
    logged_run(CONFIG, tmp_path, finished=True)
    (CONFIG.run_dir(tmp_path) / "model.keras").write_bytes(bytes(2_000_000))
    estimator = planning.Estimator(tmp_path)
    other = ExperimentConfig("digits", epochs=100, method="CE")
    assert estimator.run_bytes(other) == 3.5 * 2e6 + 1e6 + 100 * 4e3
    alone = ExperimentConfig("digits", members=("VD",))
    assert estimator.run_bytes(alone) == space.ASSUMED
