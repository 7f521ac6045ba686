"""What a run records of what its epochs were made with and on.

In `config.json`: what `environment.describe` and `code_record.describe` give for the
process that trained last (versions, revision, device, command, plugins and the like),
and in `earlier`, in turn, what they gave for those before, where that was not the same.
Each says in `epochs` how many were done when it ended.

Nothing here imports TensorFlow.
"""

from __future__ import annotations


def earlier(record, origin, epochs):
    """The entry `earlier` of a run that goes on.

    Args:
        record: of the run until now, as `run.read_record` gives it.
        origin: what would be recorded now.
        epochs: how many are done.

    Returns:
        A list, empty where all epochs were made with the same. Another command alone
        is no difference, nor is a process that made no epoch. What a run lacks, since
        it is of before, is not compared.
    """
    before = _before(record)
    done = before[-1].get("epochs") if before else 0
    was = {name: record[name] for name in origin if name in record}
    same = all(was[name] == origin[name] for name in was if name != "command")
    return before if same or done == epochs else [*before, {"epochs": epochs} | was]


def parts(record):
    """What a run was made with and on: dicts, in turn, mostly one."""
    return [*_before(record), record]


def devices(record):
    """What a run was made on, as text; with TF32, where it was computed in that.

    Returns:
        One device, or "A, then B"; "" where nothing is known.
    """
    named = [
        str(part.get("device") or "") + " (TF32)" * _in_tf32(part, record)
        for part in parts(record)
    ]
    return ", then ".join(dict.fromkeys(named))


def in_tf32(record):
    """Whether any epoch was computed in TF32, as a GPU does with float32.

    Args:
        record: what `run.read_record` gives; one of before that was recorded says
            False.
    """
    return any(_in_tf32(part, record) for part in parts(record))


def _before(record):
    found = record.get("earlier")
    return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def _in_tf32(part, record):
    return bool(part.get("tf32")) and record["config"]["precision"] == "float32"
