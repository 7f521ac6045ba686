"""What this process may use of its machine: cores, memory and disk.

A container or a job of a cluster gives a process less than its machine has: by the
cores that it may run on, and by its control groups (cgroups(7), versions 1 and 2), each
of which limits all below it. joblib's loky (1.6) reads the topmost group alone, psutil
(7.2) and Python 3.13 none.
"""

from __future__ import annotations

import math
import os
import pathlib
import shutil

import psutil

_PROCESS = pathlib.Path("/proc/self")


def cores():
    """The cores that this process may run on: their numbers, in order.

    Where the system does not bind processes to cores, as macOS, these are all.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_count():
    """How many cores this process is worth: at least 1.

    A part of a core counts as one: with a quota of 1.5, two experiments side by side
    took 0.75 of the time that they took one after the other.
    """
    return max(1, math.ceil(min(len(cores()), _quota())))


def has_quota():
    """Whether this process gets less time than the cores have that it may run on."""
    return _quota() < len(cores())


def free_memory():
    """Bytes of memory that this process and its children may still take.

    What files take in the memory counts as free, since the kernel gives it up.
    """
    here = psutil.virtual_memory().available
    return max(0, min([here, *map(_free_in, _groups("memory"))]))


def free_disk(directory):
    """Bytes that are free on the disk where a directory is, or will be."""
    path = pathlib.Path(directory).absolute()
    place = next(p for p in (path, *path.parents) if p.exists())
    return shutil.disk_usage(place).free


def memory_of(process):
    """What a process takes of the memory, and the most that it has taken: bytes.

    Args:
        process: its number; (0, 0) once it has ended.
    """
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    kibibytes = dict.fromkeys(("VmRSS", "VmHWM"), 0)
    for line in lines:
        name, _, value = line.partition(":")
        if name in kibibytes:
            kibibytes[name] = int(value.split()[0])
    return 1024 * kibibytes["VmRSS"], 1024 * kibibytes["VmHWM"]


def _quota():
    """Seconds of processor time a second; infinite where nothing limits it."""
    return min(map(_quota_of, _groups("cpu")), default=math.inf)


def _quota_of(group):
    try:
        words = (group / "cpu.max").read_text().split()
    except OSError:
        quota, period = (
            _number(group, f"cpu.cfs_{name}_us") for name in ("quota", "period")
        )
    else:
        quota, period = map(_as_number, words)
    return quota / period if 0 < quota < math.inf else math.inf


def _free_in(group):
    """Bytes that may still be taken in a group; infinite where it has no limit."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limit = min(_number(group, name) for name in names)
    names = ("memory.current", "memory.usage_in_bytes")
    used = min(_number(group, name) for name in names)
    return math.inf if math.isinf(used) else limit - used + _in_files(group)


def _in_files(group):
    """Bytes that files take in the memory of a group."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    stat = dict(line.split() for line in lines)
    prefix = "total_" if "total_inactive_file" in stat else ""  # those below it too
    return sum(int(stat[f"{prefix}{kind}_file"]) for kind in ("active", "inactive"))


def _number(group, name):
    """The number in a file of a group; infinite where there is none."""
    try:
        return _as_number((group / name).read_text())
    except OSError:
        return math.inf


def _as_number(text):
    return math.inf if text.strip() == "max" else int(text)


def _groups(controller):
    """Folders of this process's control group and those above it, of both versions."""
    try:
        groups = dict(_own_groups())
        mounts = (_PROCESS / "mountinfo").read_text().splitlines()
    except OSError:  # no Linux, or /proc is hidden
        return
    for line in mounts:
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        name = {"cgroup2": "", "cgroup": controller}.get(kind)
        if name in groups and (not name or name in options.split(",")):
            root, place = map(pathlib.PurePosixPath, mount.split()[3:5])
            yield from _upwards(place, root, groups[name])


def _own_groups():
    """Pairs of a controller's name, "" for those of version 2, and the group's path."""
    for line in (_PROCESS / "cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, pathlib.PurePosixPath(path)


def _upwards(place, root, path):
    """Folders from that of a group to the topmost one that can be seen.

    Args:
        place: where the tree is mounted.
        root: the group that is the tree's root there, e.g. a container's own.
        path: the group of this process; in another namespace it may be elsewhere.
    """
    inside = path.relative_to(root) if path.is_relative_to(root) else ""
    own = pathlib.Path(place, inside)
    levels = [own, *own.parents]
    return levels[: levels.index(pathlib.Path(place)) + 1]
