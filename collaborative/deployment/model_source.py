"""A model file of a person's own, to be exported as the model of a run is.

What a run would say of it is found out here: its data is given, its scores are measured
on that, and its card says what is not known.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from types import SimpleNamespace

import collaborative.system.on_tensorflow  # noqa: F401 (before Keras, by the split)

# isort: split
import numpy as np
from scipy import special

from collaborative import datasets, models
from collaborative.data import own_names, resizing
from collaborative.deployment import labels, predictors, runtimes
from collaborative.nn import network_files
from collaborative.runs import data_record
from collaborative.system import digests, environment
from collaborative.system.errors import UserError, reason_of

SEED = 912  # of what is set aside for testing


class UnusableModelFile(UserError):
    """A model that cannot be exported, or not with this data; one line for a person."""


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """A model, and what `export.py` asks of a `runs.run.FinishedRun`."""

    path: pathlib.Path
    model: models.SingleModel | models.EnsembleModel
    dataset: datasets.Dataset
    class_names: tuple[str, ...]
    config: SimpleNamespace
    record: dict

    @property
    def run_dir(self):
        """Beside the model, a directory for what is written."""
        return self.path.with_name(f"{self.path.stem}-export")

    @property
    def predictor_names(self):
        """What can be taken out: each member and, where there are several, all."""
        return tuple(self.model.predictor_names)

    def test_scores(self, name):
        """`test_error` (a fraction) and `test_cost` on the test images."""
        index = self.predictor_names.index(name)
        test = self.dataset.test
        logits = runtimes.run_in_batches(
            lambda images: self.model.predictor_logits(images)[index].numpy(),
            test.images,
        )
        log_p = special.log_softmax(logits.astype(np.float64), axis=1)
        costs = -log_p[np.arange(len(log_p)), test.labels]
        return {
            "test_error": float(np.mean(logits.argmax(axis=1) != test.labels)),
            "test_cost": float(costs.mean()),
        }


def open_source(path, data, labels_file=None, data_dir=None, manual_dir=None):
    """Loads a model and the labelled pictures that it is checked on.

    Args:
        path: a `.keras` file of an ensemble, or of any Keras model to logits.
        data: a folder of class folders, an `.npz` file or another data set, as
            `datasets.load` takes it.
        labels_file: names of the classes in the order of the logits; None: those of
            the data, in its order.
        data_dir, manual_dir: as for `datasets.load`.

    Returns:
        A `ModelSource`.

    Raises:
        UnusableModelFile: where the model takes no images, or gives no logits, or the
            data does not fit.
        UserError: of whom it is asked to load either.
    """
    path = pathlib.Path(path)
    model = _members_of(path)
    shape = predictors.image_shape(model.members[0])
    dataset = _images_for(data, shape, data_dir, manual_dir)
    count = model(np.zeros((1, *shape), np.float32)).shape[-1]
    names = labels.checked(labels_file, count) if labels_file else dataset.class_names
    dataset = _in_order(dataset, names, count, labels_file)
    config = _config(model, data)
    record = data_record.describe(dataset) | environment.describe()
    record |= {
        "model_file": digests.mark_of(path),
        "class_names": list(names),
        "config": vars(config),
    }
    return ModelSource(path, model, dataset, tuple(names), config, record)


def canonical(data):
    """The name of a data set: `folder:` may be left out before a directory."""
    if own_names.kind(data) is None and os.path.isdir(data):
        data = f"{own_names.FOLDER}:{data}"
    try:
        return own_names.canonical(data)
    except ValueError as error:
        raise UnusableModelFile(str(error)) from error


def _members_of(path):
    """The model in a file; one without members is that of a `SingleModel`."""
    if not network_files.is_file(str(path)):
        raise UnusableModelFile(f"{path} is no Keras model: give a .keras file")
    try:
        network_files.check(str(path))
    except ValueError as error:
        raise UnusableModelFile(str(error)) from error
    try:
        model = models.load_model(path, compile=False)
        if hasattr(model, "members"):
            return model
        model.name = network_files.name_of(path.name)
        return models.SingleModel(model)
    except ValueError as error:
        raise UnusableModelFile(f"{path} cannot be exported: {reason_of(error)}") from (
            error
        )


def _images_for(data, shape, data_dir, manual_dir):
    """The data set with images of the shape that a model takes."""
    name = canonical(data)
    channels = shape[2] if len(shape) == 3 else 1
    color_mode = None
    if own_names.kind(name) == own_names.FOLDER:
        color_mode = "rgb" if channels == 3 else "grayscale"
    dataset = datasets.load(
        name,
        seed=SEED,
        image_size=shape[:2],
        color_mode=color_mode,
        # Without a dimension of channels they are copied.
        stream=False if len(shape) == 2 else None,
        data_dir=data_dir,
        manual_dir=manual_dir,
    )
    if dataset.input_shape[2] != channels:
        raise UnusableModelFile(
            f"the model takes images {resizing.shown(shape)}, and those of "
            f"{dataset.name} are {resizing.shown(dataset.input_shape)}"
        )
    if len(shape) == 3:
        return dataset
    return _each_part(dataset, lambda part: {"images": part.images[..., 0]})


def _each_part(dataset, changed, **changes):
    """The data set with other fields, and those that `changed` gives of each part."""
    parts = {
        name: dataclasses.replace(part, **changed(part))
        for name in data_record.PARTS
        if len(part := getattr(dataset, name))
    }
    return dataclasses.replace(dataset, **changes, **parts)


def _in_order(dataset, names, count, labels_file):
    """The data set with the labels that the model gives its classes."""
    if labels_file is None and len(names) != count:
        raise UnusableModelFile(
            f"the model has {count} classes, and {dataset.name} {len(names)}: name "
            "those of the model, in its order, with --labels"
        )
    if tuple(names) == tuple(dataset.class_names):
        return dataset
    numbers = tuple(map(str, range(len(dataset.class_names))))
    if tuple(dataset.class_names) == numbers and len(numbers) == count:
        return dataclasses.replace(dataset, class_names=tuple(names))
    unknown = [name for name in dataset.class_names if name not in names]
    if unknown:
        raise UnusableModelFile(
            f"{dataset.name} has the class {unknown[0]}, which {labels_file} has not"
        )
    twice = [name for name in dataset.class_names if names.count(name) > 1]
    if twice:
        raise UnusableModelFile(
            f"{labels_file} names {names.count(twice[0])} classes {twice[0]}, and "
            f"which of them {dataset.name} has cannot be told: give each a name of its "
            "own"
        )
    places = np.array([names.index(name) for name in dataset.class_names])
    return _each_part(
        dataset, lambda part: {"labels": places[part.labels]}, class_names=tuple(names)
    )


def _config(model, data):
    """What is known of the settings that a run would have."""
    computed = {
        layer.compute_dtype
        for member in model.members
        for layer in member._flatten_layers()
    }
    low = [kind for kind in ("bfloat16", "float16") if kind in computed]
    return SimpleNamespace(
        dataset=canonical(data),
        members=[member.name for member in model.members],
        member_names=tuple(member.name for member in model.members),
        method=model.method,
        alpha=model.alpha,
        teacher=[],
        precision=low[0] if low else "float32",
        split=datasets.spec(canonical(data)).splits[0],
        seed=SEED,
        truncate=0,
    )
