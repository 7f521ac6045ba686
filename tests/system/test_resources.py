import collections

import psutil
import pytest

from collaborative.system import resources

GROUP = "/pods/one"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function: what is available with these files of control groups."""
    memory = collections.namedtuple("memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(1000))

    def available(limits, own=f"5:cpu:/x\n0::{GROUP}\n"):
        (tmp_path / "own").write_text(own)
        for folder, (limit, used, cached) in limits.items():
            place = tmp_path / "groups" / folder
            place.mkdir(parents=True, exist_ok=True)
            (place / "memory.max").write_text(f"{limit}\n")
            (place / "memory.current").write_text(f"{used}\n")
            stat = f"anon 5\nfile 9\ninactive_file {cached}\nactive_file 3\n"
            (place / "memory.stat").write_text(stat)
        return resources.available_memory(tmp_path / "groups", tmp_path / "own")

    return available


@pytest.mark.parametrize(
    "limits, left",
    [
        ({}, 1000),
        ({"pods/one": ("max", 900, 0)}, 1000),
        ({"pods/one": (800, 500, 0)}, 300),
        ({"pods/one": (800, 500, 100)}, 400),
        ({"pods/one": ("max", 500, 0), "pods": (700, 650, 0)}, 50),
        ({"": (600, 500, 0)}, 100),
        ({"pods/one": (800, 900, 0)}, 0),
        ({"pods/one": (8000, 900, 0)}, 1000),
        ({"pods/other": (10, 0, 0)}, 1000),
    ],
)
def test_the_smallest_limit_counts(machine, limits, left):
    assert machine(limits) == left


def test_a_machine_without_such_groups(machine, tmp_path):
    assert machine({"pods/one": (10, 0, 0)}, own="4:memory:/pods/one\n") == 1000
    nowhere = tmp_path / "nowhere"
    assert resources.available_memory(nowhere, nowhere) == 1000
    assert resources.available_memory() > 0
