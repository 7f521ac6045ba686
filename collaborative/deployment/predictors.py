"""From the path of a model, trained here or exported, to the probabilities it gives."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
from etils import epy

from collaborative.data import resizing
from collaborative.deployment import formats, labels, model_card, runtimes
from collaborative.runs.run import DamagedRecord, config_of
from collaborative.system import files, run_files, streams
from collaborative.system.errors import UserError, reason_of

with epy.lazy_imports():
    import tensorflow as tf

    from collaborative import models
    from collaborative.deployment import other_files
    from collaborative.nn import outputs as kinds
    from collaborative.runs import trained_model


# What files are that others made, by their ending.
_OTHERS = {".tflite": "litert", ".onnx": "onnx", ".xml": "openvino"}


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
    kind: str  # of the outputs, see `nn.outputs`: logits, probabilities or sigmoid
    note: str | None = None  # what a person should know of it

    def probabilities(self, images):
        """Dict from each predictor's name to float32 `[n, classes]`.

        Args:
            images: n >= 1 uint8 arrays of `image_shape`.

        Raises:
            UnusablePath: where a predictor's outputs are not finite, or of more or
                fewer classes than have names.
        """

        def batch_first(batch):
            return np.moveaxis(self.outputs(batch), 1, 0)

        outputs = runtimes.run_in_batches(batch_first, np.stack(images))
        for name, one in zip(self.names, np.moveaxis(outputs, 1, 0), strict=True):
            if not np.isfinite(one).all():
                raise UnusablePath(
                    f"{name} gives NaN or infinity: its training diverged"
                )
        classes = outputs.shape[-1] + (self.kind == kinds.SIGMOID)
        if classes != len(self.class_names):
            raise UnusablePath(
                f"{self.names[0]} has {classes} classes, and the file beside it names "
                f"{len(self.class_names)}: export the network again"
            )
        if self.kind == kinds.LOGITS:
            outputs = tf.nn.softmax(outputs).numpy()
        elif self.kind == kinds.SIGMOID:  # the probability of the second class
            outputs = np.concatenate([1 - outputs, outputs], axis=-1)
        return dict(zip(self.names, np.moveaxis(outputs, 1, 0), strict=True))


def check_path(path):
    """Refuses at once, without TensorFlow, a path at which there can be no model.

    Raises:
        UnusablePath: where there is none, or what there is cannot be read.
        formats.MissingPackage: where its runtime is not installed.
    """
    artifact, metadata, _ = _find(path)
    if artifact.is_fifo():  # it would be read for ever
        raise UnusablePath(f"{artifact} is a pipe, no file of a model")
    form = metadata.get("format") or _OTHERS.get(artifact.suffix.casefold())
    if form == "coreml":
        raise UnusablePath(
            f"{path} is for Core ML, which only Apple's systems run: give an export in "
            "another format"
        )
    if form:
        formats.check_packages(form)
    elif artifact.suffix != ".keras":
        raise UnusablePath(
            f"{path} is no model: give the directory of a finished run, one that "
            "export.py wrote, or a .keras, .tflite, .onnx or (of OpenVINO) .xml file"
        )


def load(path, labels_file=None, values="0..255"):
    """Loads the model at a path.

    Args:
        path: the directory of a finished run or of an exported artifact, the artifact
            in it, or a `.keras`, `.tflite`, `.onnx` or `.xml` file.
        labels_file: names of the classes, see `labels`; None: those of the run or the
            artifact, or in a `labels.txt` beside a file that others made.
        values: of levels, for a file that others made, see `other_files.RANGES`.

    Returns:
        A `Predictor`.

    Raises:
        UnusablePath: as `check_path`, or where the model takes no images, or what it
            gives is not of classes.
        other_files.UnusableFile: the same, of a file that others made.
        labels.UnusableLabels: where its names of classes cannot be used.
        models.UnusableModel: where Keras cannot load it.
    """
    check_path(path)
    artifact, metadata, record = _find(path)
    if metadata:
        found = _exported(artifact, metadata)
    elif artifact.suffix.casefold() in _OTHERS:
        return _of_others(artifact, labels_file, values)
    else:
        found = _trained(_loaded(artifact, record))
    names = found.class_names
    if labels_file:
        names = labels.checked(labels_file, len(names))
    elif record:
        names = _names_in(record, artifact.with_name(run_files.CONFIG), names)
    elif not metadata:
        names = labels.of_model(artifact, None, len(names))
    return dataclasses.replace(found, class_names=names)


def _of_others(artifact, labels_file, values):
    file = other_files.OtherFile(artifact, _OTHERS[artifact.suffix.casefold()], values)
    return Predictor(
        file.image_shape,
        labels.of_model(artifact, labels_file, file.count),
        lambda images: file.outputs(images)[None],
        (artifact.stem,),
        file.kind,
        file.note,
    )


def _find(path):
    """(path of the model, metadata of an artifact, record of a run); dicts may be {}"""
    path = pathlib.Path(path)
    try:
        path.stat()
    except OSError as error:
        raise UnusablePath(f"{path}: {reason_of(error)}") from error
    # An exported saved model is a directory too, inside that of the artifact.
    for directory in (path, path.parent):
        metadata = _read_metadata(directory / model_card.METADATA)
        if metadata:
            artifact = directory / metadata["file"]
            if path in (directory, artifact):
                return artifact, metadata, {}
    if path.is_dir() and (path / run_files.MODEL).is_file():
        path = path / run_files.MODEL
    return path, {}, _read_json(path.parent / run_files.CONFIG)


def _read_metadata(path):
    """What an export says of its artifact; {} where there is none of ours."""
    found = _read_json(path)
    if str(found.get("format")) not in formats.PACKAGES:
        return {}
    try:
        outputs, (_, *shape) = found["outputs"], found["input"]["shape"]
        texts = [found["file"], found["member"], *found["class_names"]]
        is_whole = outputs in ("logits", "probabilities")
        is_whole &= isinstance(found["class_names"], list)
        is_whole &= all(isinstance(text, str) for text in texts)
        is_whole &= all(isinstance(size, int) for size in shape)
    except (LookupError, TypeError, ValueError):
        is_whole = False
    if not is_whole:
        raise UnusablePath(f"{path} is damaged: export the network again")
    return found


def _read_json(path):
    """The dict in a file; {} where there is no file, or something else in it."""
    try:
        content = files.read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise UnusablePath(f"{path} is damaged ({error})") from error
    return content if isinstance(content, dict) else {}


def _exported(artifact, metadata):
    try:
        with streams.silence():
            function = runtimes.load(metadata["format"], artifact)
    except Exception as error:  # each runtime has errors of its own
        reason = reason_of(error)
        raise UnusablePath(f"{artifact} cannot be loaded: {reason}") from error
    return Predictor(
        tuple(metadata["input"]["shape"][1:]),
        tuple(metadata["class_names"]),
        lambda images: function(images)[None],
        (metadata["member"],),
        metadata["outputs"],
    )


def _loaded(path, record):
    """The model in a file, which has a run's members where a run's record is beside."""
    try:
        names = config_of(record).member_names
    except DamagedRecord:  # somebody else's, or without the plugin that it needs
        return models.load_model(path, compile=False)
    return trained_model.load(path, names)


def _names_in(record, path, numbers):
    """The names of a run's classes, from its record; `numbers` where it has none."""
    names = record.get("class_names")
    is_list = isinstance(names, list) and all(isinstance(n, str) for n in names)
    if is_list and len(names) == len(numbers):
        return tuple(names)
    if names and {"config", "versions"} <= record.keys():  # not somebody else's
        raise UnusablePath(
            f"{path} is damaged: its class_names are not the names of {len(numbers)} "
            "classes; give them with --labels"
        )
    return numbers


def _trained(model):
    """A model loaded with our code, an ensemble's members too; classes are numbers."""
    is_ours = hasattr(model, "members")
    shape = image_shape(model.members[0] if is_ours else model)
    # What we train was checked to give logits.
    kind = kinds.LOGITS if is_ours else kinds.kind_of_outputs(model)
    if kind not in (kinds.LOGITS, kinds.PROBABILITIES, kinds.SIGMOID):
        raise UnusablePath(
            f"{model.name} is no classifier that can be shown: its outputs are "
            f"{kinds.DESCRIPTIONS[kind]}"
        )

    @tf.function
    def outputs(images):
        if is_ours:
            return tf.stack(model.predictor_logits(images))
        return tf.cast(model(images, training=False), tf.float32)[None]

    def predict(images):
        return outputs(tf.constant(images)).numpy()

    try:
        units = predict(np.zeros((1, *shape), np.float32)).shape[-1]
    except Exception as error:  # each layer has errors of its own
        reason = reason_of(error)
        raise UnusablePath(f"{model.name} cannot be run: {reason}") from error
    classes = 2 if kind == kinds.SIGMOID else units
    numbers = tuple(map(str, range(classes)))
    names = model.predictor_names if is_ours else [model.name]
    return Predictor(shape, numbers, predict, tuple(names), kind)


def image_shape(model):
    """What one image must be for a model; UnusablePath where it takes no images."""
    shape = getattr(model, "input_shape", None)
    sizes = shape[1:] if isinstance(shape, tuple) else ()
    is_image = (
        2 <= len(sizes) <= 3
        and shape[0] is None
        and all(isinstance(size, int) for size in sizes)
        and (len(sizes) == 2 or sizes[2] in resizing.CHANNELS)
    )
    if not is_image:
        raise UnusablePath(
            f"{model.name} takes inputs of shape {shape}, not images [batch, height, "
            "width] with 1 or 3 channels"
        )
    return tuple(sizes)
