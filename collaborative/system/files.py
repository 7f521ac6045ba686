"""Files and directories that are whole or not there; directories with one writer."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import shutil

import filelock

from collaborative.system.errors import UserError
from collaborative.system.run_files import LOCK

TEMPORARY_PREFIX = ".tmp-"
_REPLACED = "replaced"  # what `replacing_directory` takes out of its place


# A lock server that is off, a file system without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


class Busy(UserError):
    """Another process is writing to the directory."""

    status = 75  # EX_TEMPFAIL: try again later


def read_json(path):
    """What a file of JSON holds.

    Raises:
        OSError: where it cannot be read.
        ValueError: where it is no JSON, or nested too deeply, or a pipe.
    """
    if pathlib.Path(path).is_fifo():  # it would be read for ever
        raise ValueError("it is a pipe, no file")
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


@contextlib.contextmanager
def locked(directory):
    """Makes this process the only one that writes to a directory.

    The kernel gives the lock back when a process ends, however it ends; where a file
    system has no such locks, `filelock` takes a file that names the process.

    Args:
        directory: made if it is not there; its file `lock` is what is locked.

    Raises:
        Busy: where another process has the lock.
    """
    try:
        lock = _acquired(directory)
    except filelock.Timeout as error:
        raise Busy(
            f"another process is writing to {directory}: wait for it to end"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(directory):
    """Whether a process, this one or another, has the lock of a directory."""
    if not pathlib.Path(directory, LOCK).exists():
        return False
    try:
        with locked(directory):
            return False
    except Busy:
        return True


def _acquired(directory):
    """The lock of a directory, taken; `filelock.Timeout` where another has it."""
    path = pathlib.Path(directory, LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(path)
        lock.acquire(blocking=False)
    except (NotImplementedError, OSError) as error:
        # `filelock` falls back by itself where there are no locks at all (ENOSYS).
        if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
            raise
        lock = filelock.SoftFileLock(path.with_name(f"{LOCK}.soft"))
        lock.acquire(blocking=False)
    return lock


@contextlib.contextmanager
def replacing(path):
    """Writes a file under a temporary name and renames it when it is complete.

    Args:
        path: the file to make or to replace.

    Yields:
        The temporary path beside it, with the same suffix. When the block ends without
        an error the data is flushed to the disk and takes the name `path`; otherwise it
        is removed and `path` stays as it was.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_directory(path):
    """Fills a directory out of sight and moves it to its place when it is complete.

    What it is filled in is locked. So what a killed process left there, of this or of
    another directory beside it, is told from what is being written, and removed.

    Args:
        path: the directory to make or to replace, its parents too.

    Yields:
        An empty directory, within a temporary one beside `path`. When the block ends
        without an error it becomes `path`; otherwise it is removed and `path` stays as
        it was.

    Raises:
        Busy: where another process is filling the same directory.
    """
    path = pathlib.Path(path)
    _remove_abandoned(path.parent)
    hidden = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    if not _is_ours(hidden):
        raise FileExistsError(errno.EEXIST, "not made by this program", str(hidden))
    with locked(hidden):
        try:
            new = hidden / path.name
            new.mkdir()
            yield new
            # A directory cannot be renamed onto one that has files.
            if path.exists():
                os.replace(path, hidden / _REPLACED)
            os.replace(new, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


def _remove_abandoned(parent):
    """Removes what killed processes left of `replacing_directory` in `parent`."""
    for lock in parent.glob(f"{TEMPORARY_PREFIX}*/{LOCK}"):
        if not _is_ours(lock.parent):
            continue
        # Being filled, or of somebody whose files are not ours to remove.
        with contextlib.suppress(Busy, OSError), locked(lock.parent):
            shutil.rmtree(lock.parent, ignore_errors=True)


def _is_ours(hidden):
    """Whether a hidden directory has nothing but what `replacing_directory` makes."""
    name = hidden.name.removeprefix(TEMPORARY_PREFIX)
    made = {LOCK, f"{LOCK}.soft", name, _REPLACED}
    try:
        return {path.name for path in hidden.iterdir()} <= made
    except FileNotFoundError:  # another process may have removed it just now
        return True


def is_writable(folder):
    """Whether files can be made in a folder or, if missing, in the one above."""
    folder = pathlib.Path(folder)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    # Root may write everywhere, but a folder without any write permission is not meant
    # to be written.
    may_write = there.stat().st_mode & 0o222 and os.access(there, os.W_OK | os.X_OK)
    return there.is_dir() and bool(may_write)


def remove_temporary(directory):
    """Removes what a killed process left half written in `directory`."""
    for path in pathlib.Path(directory).glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
