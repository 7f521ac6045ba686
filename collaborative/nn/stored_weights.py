"""Weights of members in a file, by the members' names.

Keras files weights by place: the first of two `Sequential` members is `sequential`, the
second `sequential_1`. Beside them it notes their names, and these decide here.
"""

from __future__ import annotations

import collections
import io
import json
import pathlib
import re
import zipfile

import h5py
import keras

_WEIGHTS = "model.weights.h5"  # in a `.keras` file


class Holder(keras.Model):
    """Members in the order of a file, to load their weights through.

    Args:
        members: Keras models, which stay part of their ensemble.
    """

    def __init__(self, members):
        super().__init__()
        self.members = list(members)
        self.built = True


def in_order_of(path, members, further=False):
    """Members in the order in which a file has the weights of their names.

    Args:
        path: a `.weights.h5`, `.weights.json` or `.keras` file of Keras.
        members: the Keras models.
        further: whether their ensemble has weights beside theirs.

    Returns:
        List of the members; None where it is theirs already, or the file does not say.

    Raises:
        ValueError: where the file holds other members.
    """
    stored = _places(pathlib.Path(path))
    names = [member.name for member in members]
    if not stored:
        return None
    if not set(names) <= set(stored) or (len(stored) > len(names) and not further):
        raise ValueError(
            f"{path} holds weights of {', '.join(stored)}, and the members here are "
            f"{', '.join(names)}: load them into members of the same names"
        )
    if _usual_places(members).items() <= stored.items():
        return None
    ordered = sorted(members, key=lambda m: _number(m, stored[m.name]))
    if further or _usual_places(ordered) != stored:
        raise ValueError(
            f"{path} holds the members' weights in another way: make the ensemble with "
            f"its members in the order {', '.join(stored)}, each as it was then"
        )
    return ordered


def _places(path):
    """Where a file has the weights of layers: dict from a layer's name to its place."""
    found = {}
    for file in _h5_files(path):
        with h5py.File(file, "r") as opened:
            for place, group in opened.get("layers", {}).items():
                name = group["vars"].attrs.get("name") if "vars" in group else None
                if name is not None:
                    found[str(name)] = place
    return found


def _h5_files(path):
    """What holds the weights: paths, or an open file; nothing where that is unknown."""
    if not path.is_file():
        return  # Keras knows what to say
    if path.name.endswith(".keras") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if _WEIGHTS in archive.namelist():
                yield io.BytesIO(archive.read(_WEIGHTS))
    elif path.name.endswith(".weights.json"):
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        for name in sorted(set(keras.tree.flatten(list(places)))):
            yield path.with_name(name)
    elif path.name.endswith(".weights.h5"):
        yield path


def _kind(member):
    """What Keras calls the first of a kind of models in a file."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(member).__name__)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _number(member, place):
    """Which of its kind a member is in a file; 0 where it is not of that kind there."""
    number = place.removeprefix(f"{_kind(member)}_")
    return int(number) if number.isdigit() else 0


def _usual_places(members):
    """Where Keras files members in this order: dict from a name to its place."""
    seen, places = collections.Counter(), {}
    for member in members:
        kind = _kind(member)
        places[member.name] = f"{kind}_{seen[kind]}" if seen[kind] else kind
        seen[kind] += 1
    return places
