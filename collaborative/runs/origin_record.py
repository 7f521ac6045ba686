"""What a run records of what its epochs were made with and on.

In `config.json`: what `environment.describe` and `code_record.describe` give for the
process that trained last (versions, revision, device, command, plugins and the like),
and in `earlier`, in turn, what they gave for those before, where that was not the same.
Each says in `epochs` how many were done when it ended.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

_KINDS = {"versions": dict, "plugins": list, "network_files": dict, "earlier": list}


def check(record):
    """Raises ValueError where an entry is no such thing as is written into it."""
    for name, kind in _KINDS.items():
        if not isinstance(record.get(name, kind()), kind):
            raise ValueError(f"its {name} are {record[name]!r:.40}")
    marks = [*record.get("plugins", ()), *record.get("network_files", {}).values()]
    for mark in marks:
        words = isinstance(mark, dict) and [mark.get("file"), mark.get("sha256")]
        if not words or not all(isinstance(word, str) for word in words):
            raise ValueError(f"it has {mark!r:.40} for a plugin or model file")
    for part in record.get("earlier", ()):
        if not isinstance(part, dict) or not isinstance(part.get("epochs"), int):
            raise ValueError(f"its earlier epochs are {part!r:.40}")
        check(part)


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
    made = list(record.get("earlier", ()))
    if epochs > (made[-1]["epochs"] if made else 0):
        was = {name: record[name] for name in origin if name in record}
        made.append({"epochs": epochs} | was)
    if made and _is_of(made[-1], origin):
        made.pop()
    return made


def _is_of(part, origin):
    compared = part.keys() & origin.keys() - {"command"}
    return bool(compared) and all(part[name] == origin[name] for name in compared)


def parts(record):
    """What a run was made with and on: dicts, in turn, each with the run's `config`."""
    config = {"config": record.get("config", {})}
    return [*(part | config for part in record.get("earlier", ())), record]


def in_turn(record, told):
    """What a run was made with, as text: "A", or "A, then B".

    Args:
        record: what `run.read_record` gives.
        told: gives the text of one of the `parts`, "" where nothing is known.
    """
    return ", then ".join(dict.fromkeys(filter(None, map(told, parts(record)))))


def described(record):
    """Where a run came from: a dict of texts, each "" where nothing is known."""
    command = record.get("command")
    if isinstance(command, list):
        command = " ".join(map(str, command))
    return {
        "command": str(command or ""),
        "versions": in_turn(record, _versions),
        "revision": in_turn(record, _revision),
        "device": in_turn(record, device),
    }


def _versions(part):
    versions = part.get("versions", {})
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _revision(part):
    return str(part.get("git_revision") or "")


def device(part):
    """The device of one of a run's `parts`, and whether it computed in TF32; or ""."""
    name = str(part.get("device") or "")
    return f"{name} (TF32)" if name and _in_tf32(part) else name


def in_tf32(record):
    """Whether any epoch was computed in TF32, as a GPU does with float32.

    Args:
        record: what `run.read_record` gives; one of before that was recorded says
            False.
    """
    return any(map(_in_tf32, parts(record)))


def _in_tf32(part):
    precision = part["config"].get("precision", "float32")
    return bool(part.get("tf32")) and precision == "float32"
