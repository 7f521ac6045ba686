"""Networks that `members` names by a file: `path/to/my.keras`, a Keras model.

Such a member is trained on from the weights in the file, and named after it. A name
holds an absolute path, so that it means the same wherever a run is started; where it
would be a part of another path, or a heading, its short name stands for it.

Nothing here imports TensorFlow before a file is loaded.
"""

from __future__ import annotations

import os
import pathlib
import re
import zipfile

from etils import epy

from collaborative.system import digests
from collaborative.system.errors import reason_of

with epy.lazy_imports():
    import keras

    from collaborative.nn import frozen

SUFFIX = ".keras"


def is_file(network: str) -> bool:
    """Whether a network is named by its file."""
    return network.casefold().endswith(SUFFIX)


def canonical(network: str) -> str:
    """The one way to write a network; a registered one is returned as it is."""
    if not is_file(network):
        return network
    return os.path.abspath(os.path.expanduser(network))


def name_of(network: str) -> str:
    """The name of the member: the file's, in letters that a metric can have."""
    if not is_file(network):
        return network
    name = re.sub(r"[^A-Za-z0-9_.]", "_", pathlib.PurePath(network).stem)
    return name if name[:1].isalpha() else f"m{name}"


def short_name(network: str) -> str:
    """A network for a path or a heading: a name, and a hash that tells paths apart."""
    if not is_file(network):
        return network
    return f"{name_of(network)}.{digests.short(network)}"


def check(network):
    """Refuses at once, without TensorFlow, a file that is no Keras model.

    Raises:
        ValueError: where it is not there or something else; one line for a person.
    """
    if not is_file(network):
        return
    if not os.path.isfile(network):
        raise ValueError(f"there is no file {network}")
    try:
        with zipfile.ZipFile(network) as archive:
            archive.getinfo("config.json")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{network} is no Keras model, as model.save writes it to a .keras file"
        ) from error


def load(network):
    """The Keras model in a file, not compiled.

    Raises:
        ValueError: where there is none, or it is an ensemble; one line for a person.
    """
    check(network)
    try:
        model = keras.models.load_model(network, compile=False)
    except Exception as error:  # a damaged archive can raise nearly anything
        raise ValueError(
            f"{network} cannot be loaded: {reason_of(error)}; classes of your own are "
            "to be registered first (--plugin)"
        ) from error
    if hasattr(model, "members"):
        names = ", ".join(member.name for member in model.members)
        raise ValueError(
            f"{network} holds a trained model with the members {names}: take one out "
            "(export.py --format keras)"
        )
    frozen.freeze_again(model)
    return model
