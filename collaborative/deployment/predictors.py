"""From the path of a model, trained here or exported, to the probabilities it gives."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np
from etils import epy

from collaborative.deployment import formats, model_card, runtimes
from collaborative.system import command_line, run_files
from collaborative.system.errors import UserError

with epy.lazy_imports():
    import keras
    import tensorflow as tf

    from collaborative import models
    from collaborative.deployment import formats


class UnusablePath(UserError):
    """A path at which there is no model; the message is one line for a person."""


@dataclasses.dataclass(frozen=True)
class Predictor:
    """What predicts, whatever its format."""

    image_shape: tuple[int, ...]  # (height, width) or (height, width, channels)
    class_names: tuple[str, ...]
    # From float32 images `[n, *image_shape]` to outputs `[predictors, n, classes]`.
    outputs: Callable
    names: tuple[str, ...]  # of the predictors: members, then the ensemble
    are_probabilities: bool  # or logits

    def probabilities(self, images):
        """Dict from each predictor's name to float32 `[n, classes]`.

        Args:
            images: n >= 1 uint8 arrays of `image_shape`.
        """

        def batch_first(batch):
            return np.moveaxis(self.outputs(batch), 1, 0)

        outputs = runtimes.run_in_batches(batch_first, np.stack(images))
        if not self.are_probabilities:
            outputs = tf.nn.softmax(outputs).numpy()
        return dict(zip(self.names, np.moveaxis(outputs, 1, 0), strict=True))


def check_path(path):
    """Refuses at once, without TensorFlow, a path at which there can be no model.

    Raises:
        UnusablePath: where there is none, or what there is cannot be read.
        formats.MissingPackage: where its runtime is not installed.
    """
    artifact, metadata, _ = _find(path)
    if metadata:
        formats.check_packages(metadata["format"])
    elif artifact.suffix != ".keras":
        raise UnusablePath(
            f"{path} is no model: give the directory of a finished run, one that "
            "export.py wrote, or a .keras file"
        )


def load(path):
    """Loads the model at a path.

    Args:
        path: the directory of a finished run or of an exported artifact, the artifact
            in it, or a `.keras` file.

    Returns:
        A `Predictor`.

    Raises:
        UnusablePath: as `check_path`, or where the model takes no images.
        models.UnusableModel: where Keras cannot load it.
    """
    check_path(path)
    artifact, metadata, record = _find(path)
    if metadata:
        return _exported(artifact, metadata)
    return _trained(
        models.load_model(artifact, compile=False), record.get("class_names", ())
    )


def _find(path):
    """(path of the model, metadata of an artifact, record of a run); dicts may be {}"""
    path = pathlib.Path(path)
    try:
        path.stat()
    except OSError as error:
        raise UnusablePath(f"{path}: {command_line.first_line(error)}") from error
    # An exported saved model is a directory too, inside that of the artifact.
    for directory in (path, path.parent):
        metadata = _read_json(directory / model_card.METADATA)
        if metadata.get("format") in formats.PACKAGES:
            artifact = directory / metadata["file"]
            if path in (directory, artifact):
                return artifact, metadata, {}
    if path.is_dir() and (path / run_files.MODEL).is_file():
        path = path / run_files.MODEL
    return path, {}, _read_json(path.parent / run_files.CONFIG)


def _read_json(path):
    """The dict in a file; {} where there is no file, or something else in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise UnusablePath(f"{path} is damaged ({error})") from error
    return content if isinstance(content, dict) else {}


def _exported(artifact, metadata):
    try:
        with command_line.silence():
            function = runtimes.load(metadata["format"], artifact)
    except Exception as error:  # each runtime has errors of its own
        reason = command_line.first_line(error)
        raise UnusablePath(f"{artifact} cannot be loaded: {reason}") from error
    return Predictor(
        tuple(metadata["input"]["shape"][1:]),
        tuple(metadata["class_names"]),
        lambda images: function(images)[None],
        (metadata["member"],),
        metadata["outputs"] == "probabilities",
    )


def _trained(model, class_names):
    """A model loaded with our code: an ensemble's members too."""
    if hasattr(model, "members"):
        names, shape = model.predictor_names, model.members[0].input_shape
    else:
        names, shape = [model.name], model.input_shape
    if not (2 <= len(shape[1:]) <= 3 and None not in shape[1:]) or (
        len(shape) == 4 and shape[3] not in (1, 3)
    ):
        raise UnusablePath(
            f"{model.name} takes inputs of shape {shape}, not images [batch, height, "
            "width] with 1 or 3 channels"
        )

    @tf.function
    def outputs(images):
        if hasattr(model, "members"):
            return tf.stack(model.predictions(model.member_logits(images)))
        return model(images, training=False)[None]

    classes = model.compute_output_shape(shape)[-1]
    if len(class_names) != classes:
        class_names = map(str, range(classes))
    return Predictor(
        tuple(shape[1:]),
        tuple(class_names),
        lambda images: outputs(tf.constant(images)).numpy(),
        tuple(names),
        _ends_in_softmax(model),
    )


def _ends_in_softmax(model):
    last = model.layers[-1]
    return isinstance(last, keras.layers.Softmax) or (
        getattr(last, "activation", None) is keras.activations.softmax
    )
