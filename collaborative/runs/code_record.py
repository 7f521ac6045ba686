"""What a run records of a person's code and model files, and whether they changed.

In `config.json`: `plugins`, the files of `--plugin`, and `network_files`, by path,
those that members come from: name, bytes and a hash of each.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

from collaborative.nn import network_files
from collaborative.runs import origin_record
from collaborative.system import digests, plugins


def describe(config):
    """The entries of `config.json`, of what this process has been given."""
    networks = filter(network_files.is_file, (*config.members, *config.teacher))
    return {
        "plugins": plugins.given(),
        "network_files": {n: mark for n in networks if (mark := _mark(n))},
    }


def changed_since(config, record):
    """How code and model files differ from what a run began with, in words.

    Args:
        config: the `ExperimentConfig`.
        record: of the run, what `describe` gave then; what it lacks, since the run is
            of before, is not compared.

    Returns:
        One line, "" where they do not differ. What is not there any more, and a plugin
        that is not given now, is no change.
    """
    parts = origin_record.parts(record)
    given = [part["plugins"] for part in parts if part.get("plugins")]
    had = {p["file"]: p["sha256"] for p in (given[-1] if given else ())}
    has = {p["file"]: p["sha256"] for p in plugins.given()}
    said = [f"{n} has changed" for n in has if had.get(n, has[n]) != has[n]]
    if had and has and not had.keys() & has.keys():
        said.append(f"its plugin was {', '.join(had)}, not {', '.join(has)}")
    now = describe(config)["network_files"]
    said += [
        f"{mark['file']} has changed, and is not read again"
        for path, mark in _network_files(parts).items()
        if now.get(path, mark)["sha256"] != mark["sha256"]
    ]
    return "; ".join(said)


def _network_files(parts):
    """The marks of model files, each that of the last part that has it."""
    return {
        path: mark
        for part in parts
        for path, mark in part.get("network_files", {}).items()
    }


def _mark(network):
    """The mark of a file, None where it is gone."""
    try:
        return digests.mark_of(network)
    except OSError:
        return None
