import os
import subprocess
import sys

import psutil
import pytest
from conftest import ROOT

from collaborative.deployment import runtimes
from collaborative.system import limits

GIB = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes a machine of four cores and 16 GiB with the control groups of a test."""
    monkeypatch.setattr(limits, "_PROCESS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {4, 1, 2, 3})
    memory = psutil.virtual_memory()._replace(available=16 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    def make(own, mounts, files):
        (tmp_path / "cgroup").write_text(own)
        lines = [
            f"31 23 0:28 {root} {tmp_path}/{place} rw shared:9 - {system}\n"
            for root, place, system in mounts
        ]
        disk = "23 1 254:0 / / rw - ext4 /dev/vda rw\n"
        (tmp_path / "mountinfo").write_text("".join([disk, *lines]))
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return make


VERSION_2 = ("/", "two", "cgroup2 cgroup2 rw,nsdelegate")


def test_a_machine_without_limits(machine):
    machine("0::/a\n", [VERSION_2], {"two/a/cpu.max": "max 100000"})
    assert limits.cores() == [1, 2, 3, 4]
    assert (limits.core_count(), limits.has_quota()) == (4, False)
    assert limits.free_memory() == 16 * GIB


def test_without_binding_to_cores_all_are_there(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert limits.cores() == list(range(os.cpu_count()))
    assert limits.core_count() >= 1
    assert runtimes._cores() == os.cpu_count()


@pytest.mark.parametrize(
    "quota, count, limited",
    [
        ("100000 100000", 1, True),
        ("150000 100000", 2, True),  # a part of a core is worth one
        ("5000 20000", 1, True),
        ("400000 100000", 4, False),
        ("999999 100000", 4, False),
    ],
)
def test_a_quota_of_version_2(machine, quota, count, limited):
    machine("0::/\n", [VERSION_2], {"two/cpu.max": quota})
    assert (limits.core_count(), limits.has_quota()) == (count, limited)


def test_the_narrowest_level_decides(machine):
    files = {
        "two/slice/cpu.max": "200000 100000",
        "two/slice/job/cpu.max": "300000 100000",
        "two/slice/job/step/cpu.max": "max 100000",
        "two/other/cpu.max": "100000 100000",
        "two/slice/memory.max": 5 * GIB,
        "two/slice/memory.current": 3 * GIB,
        "two/slice/memory.stat": f"anon 1\nactive_file {GIB}\ninactive_file 0",
        "two/slice/job/memory.max": "max",
        "two/slice/job/memory.high": 4 * GIB,
        "two/slice/job/memory.current": 2 * GIB,
        "two/slice/job/memory.stat": "anon 1\nactive_file 7\ninactive_file 20",
    }
    machine("0::/slice/job/step\n", [VERSION_2], files)
    assert limits.core_count() == 2
    assert limits.free_memory() == 2 * GIB + 27


def test_version_1_as_a_container_sees_it(machine):
    """Its groups are the roots of what is mounted; their paths are the host's."""
    mounts = [
        ("/docker/b7", "cpu,cpuacct", "cgroup cgroup rw,cpu,cpuacct"),
        ("/docker/b7", "memory", "cgroup cgroup rw,memory"),
        ("/docker/b7", "systemd", "cgroup cgroup rw,xattr,name=systemd"),
    ]
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": 250000,
        "cpu,cpuacct/cpu.cfs_period_us": 100000,
        "cpu,cpuacct/own/cpu.cfs_quota_us": -1,
        "cpu,cpuacct/own/cpu.cfs_period_us": 100000,
        "memory/memory.limit_in_bytes": 2 * GIB,
        "memory/memory.usage_in_bytes": GIB,
        "memory/memory.stat": "active_file 1\ninactive_file 1\n"
        "total_active_file 70\ntotal_inactive_file 30",
    }
    own = "4:memory:/docker/b7\n2:cpu,cpuacct:/docker/b7/own\n1:name=systemd:/a\n0::/\n"
    machine(own, mounts, files)
    assert limits.core_count() == 3
    assert limits.free_memory() == GIB + 100


def test_a_group_outside_the_namespace_is_looked_up_at_its_root(machine):
    mounts = [("/job", "two", "cgroup2 cgroup rw")]
    machine("0::/../elsewhere\n", mounts, {"two/cpu.max": "100000 100000"})
    assert limits.core_count() == 1


def test_more_than_the_limit_leaves_nothing(machine):
    files = {"two/memory.max": GIB, "two/memory.current": GIB + 1}
    machine("0::/\n", [VERSION_2], files)
    assert limits.free_memory() == 0


def test_a_system_without_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_PROCESS", tmp_path)
    assert limits.core_count() == len(limits.cores())
    assert limits.free_memory() > 0


def test_importing_is_light():
    code = (
        "import sys, collaborative.system.limits;"
        "print({'tensorflow', 'numpy'} & set(sys.modules))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert output.strip() == "set()"


def test_what_a_process_takes_and_has_taken():
    code = "b = bytearray(2**27); del b; print(); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    now, peak = limits.memory_of(process.pid)
    assert 0 < now < 2**27 < peak < 2**28
    process.communicate(b"\n")
    assert limits.memory_of(process.pid) == (0, 0)
