"""Core ML packages: a network that Apple's systems run on pictures as they are.

Any computer can write one, and only Apple's systems can run it. So what such a package
says of itself is checked here, and its predictions are not.
"""

from __future__ import annotations

import functools
import math

from etils import epy

from collaborative.deployment import verification
from collaborative.system.errors import UserError

with epy.lazy_imports():
    import coremltools

_COLOURS = {1: "GRAYSCALE", 3: "RGB"}


class UnusableForCoreML(UserError, ValueError):
    """A network that is none of pictures for Core ML; one line for a person."""


def writer(class_names):
    """The function of `formats` that writes a package, labels of classes in it.

    Args:
        class_names: of all classes, strings.
    """
    return functools.partial(_write, class_names=class_names)


def _write(model, path, kind=None, calibration=None, class_names=()):
    """Core ML takes a picture: levels 0..255 (scale 1, bias 0), as the network does."""
    given = model.inputs[0]
    height, width, channels = _sizes(given.shape)
    picture = coremltools.ImageType(
        name=given.name,
        shape=(1, height, width, channels),
        color_layout=getattr(coremltools.colorlayout, _COLOURS[channels]),
        scale=1.0,
        bias=[0.0] * 3 if channels == 3 else 0.0,
    )
    precision = coremltools.precision
    package = coremltools.convert(
        model,
        source="tensorflow",
        convert_to="mlprogram",
        inputs=[picture],
        classifier_config=coremltools.ClassifierConfig(_labels_of(class_names)),
        compute_precision=precision.FLOAT16 if kind else precision.FLOAT32,
        minimum_deployment_target=coremltools.target.iOS15,
        skip_model_load=True,
    )
    package.short_description = f"{model.name}: pictures to {len(class_names)} classes"
    package.save(path)


def _labels_of(names):
    """A label for each class: equal names, as ImageNet has, get their numbers."""
    return [
        f"{name} ({i})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def _sizes(shape):
    if len(shape) != 4 or shape[3] not in _COLOURS:
        raise UnusableForCoreML(
            f"it takes pictures [height, width, 1 or 3], got {list(shape[1:])}"
        )
    return shape[1:]


def check(path, model, class_names):
    """Checks all of a package that can be without a Mac.

    Args:
        path: of the package.
        model: the plain `keras.Model` that it was made of.
        class_names: of all classes.

    Returns:
        Dict as `verification` gives it: no images were run; `structure` has what was
        checked.

    Raises:
        verification.VerificationFailed: where the package is of another network.
    """
    specification = coremltools.utils.load_spec(str(path))
    program = specification.mlProgram.functions["main"]
    (block,) = program.block_specializations.values()
    picture = specification.description.input[0].type.imageType
    found = {
        "picture": [picture.height, picture.width, _colours(picture)],
        "labels": _labels(block),
        "weights": _weights(block),
    }
    kernels = [w.shape for w in model.trainable_weights if len(w.shape) > 1]
    fewest = sum(map(math.prod, kernels))  # other weights may be folded into these
    wanted = {
        "picture": list(model.inputs[0].shape[1:]),
        "labels": _labels_of(class_names),
        "weights": max(fewest, found["weights"]),
    }
    for what, value in wanted.items():
        if found[what] != value:
            raise verification.VerificationFailed(
                f"coreml: its {what} should be {value}, got {found[what]}: not exported"
            )
    return {"images": 0, "structure": found}


def _colours(picture):
    name = picture.ColorSpace.Name(picture.colorSpace)
    return {colours: count for count, colours in _COLOURS.items()}.get(name)


def _labels(block):
    """The labels that a program's last operation, `classify`, holds."""
    (last,) = (o for o in block.operations if o.type == "classify")
    (classes,) = last.inputs["classes"].arguments
    texts = [v.immediateValue.tensor for v in classes.value.immediateValue.list.values]
    return [text.strings.values[0] for text in texts]


def _weights(block):
    """How many numbers a program's constants of two dimensions or more have."""
    types = [
        operation.attributes["val"].type.tensorType
        for operation in block.operations
        if operation.type == "const"
    ]
    shapes = [[d.constant.size for d in one.dimensions] for one in types]
    return sum(math.prod(shape) for shape in shapes if len(shape) > 1)
