"""What saving and exporting by Keras need of a model with members."""

from __future__ import annotations

import contextlib
import os

import keras
from keras.src.backend.common import global_state  # nothing public says it

from collaborative.nn import outputs
from collaborative.system import files

_HDF5 = (".h5", ".hdf5")


def check_path(path):
    """Refuses a path whose ending has Keras save a whole model as HDF5.

    Raises:
        ValueError: since the model could not be loaded from there.
    """
    if str(path).endswith(_HDF5):
        raise ValueError(
            f"{path} would be HDF5, which cannot hold a model with members: save it as "
            ".keras, or its weights alone as .weights.h5"
        )


@contextlib.contextmanager
def kept(filepath, overwrite):
    """Gives Keras the place to save to: beside a file that is there, until it is done.

    Keras empties the file first, and a model that it then cannot describe loses it.
    """
    is_there = overwrite and isinstance(filepath, str | os.PathLike)
    if is_there and os.path.isfile(filepath):
        with files.replacing(os.path.realpath(filepath)) as place:
            yield place
    else:
        yield filepath


def check_callbacks(callbacks):
    """Refuses those that would save whole models as HDF5, before anything is trained.

    Args:
        callbacks: list of Keras callbacks.

    Raises:
        ValueError: as `check_path`.
    """
    for callback in callbacks:
        saves = isinstance(callback, keras.callbacks.ModelCheckpoint)
        if saves and not callback.save_weights_only:
            check_path(callback.filepath)


def check_format():
    """Refuses to be written into an HDF5 file that Keras has opened already.

    Raises:
        ValueError: as `check_path`.
    """
    if global_state.get_global_attribute("use_legacy_config"):
        check_path("a path that ends in .h5")


def input_signature(member):
    """What a built model takes, for `keras.Model.export`; None where it is not known.

    Args:
        member: a `keras.Model`.

    Returns:
        A list of one `keras.InputSpec`, or of one structure of them.
    """
    if getattr(member, "inputs", None):
        return [keras.tree.map_structure(_spec, outputs.structure(member, "inputs"))]
    known = member.get_build_config() or {}
    shape = known.get("input_shape")
    if shape is None:
        return None
    dtype = member.input_dtype
    return [keras.InputSpec(shape=(None, *shape[1:]), dtype=dtype)]


def _spec(one):
    return keras.InputSpec(shape=(None, *one.shape[1:]), dtype=one.dtype, name=one.name)
