"""From a trained model to a plain one: float32, stock Keras layers, prediction only.

What is trained here has a class and a batch normalization of its own, and may compute
in mixed precision. A plain model is what somebody without this code can load: one
member, or the ensemble, whose logits are the mean of its members' logits. It is handed
out only after it gave the trained model's outputs for pictures drawn at random.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import collaborative.system.on_tensorflow  # noqa: F401 (before Keras, by the split)

# isort: split
import keras
import numpy as np
import tensorflow as tf

from collaborative import models
from collaborative.deployment import rebuilding
from collaborative.nn import outputs
from collaborative.system.errors import reason_of

# How far outputs may be from the trained model's, by what that computes in: of the
# largest output's magnitude, or of 1 if that is larger.
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1, "float16": 0.02, "integers": 0.02}


def plain_model(
    model: models.SingleModel | models.EnsembleModel,
    name: str,
    softmax: bool = False,
    inputs: Any = None,
) -> keras.Model:
    """Builds a functional model of one member, or of the ensemble.

    Args:
        model: a `SingleModel` or an `EnsembleModel` whose members are functional or
            sequential models.
        name: one of `model.predictor_names`: a member, or "ensemble".
        softmax: whether it returns probabilities instead of logits.
        inputs: a batch of what the members take, on which the plain model is compared
            with the trained one; None: random ones, of 0..255, 0..1 and noise.

    Returns:
        A `keras.Model` named `name`, with weights of its own, to `[batch, classes]`.
        It computes in float32 (layers that Keras has quantized stay so) and takes what
        the members take: images as float32, which members of uint8 get cast inside; in
        a dict or list where they take one.

    Raises:
        UnusableModel: where there is no such member, or one cannot be rebuilt, or the
            rebuilt one computes something else.
    """
    if name not in model.predictor_names:
        raise models.UnusableModel(
            f"the model has no {name!r}: choose {', '.join(model.predictor_names)}"
        )
    members = [m for m in model.members if name in (m.name, "ensemble")]
    copies = [_copy(member) for member in members]
    given, logits = _joined(copies)
    result = logits[0] if name != "ensemble" else _average(logits, model.average)
    if softmax:
        names = {layer.name for layer in (*copies, *copies[0].layers)}
        last = _unused("probabilities", names)
        result = keras.layers.Softmax(name=last, dtype="float32")(result)
    plain = keras.Model(given, result, name=name)
    _compare(plain, model, softmax, members, inputs)
    return plain


def with_batch(plain, size):
    """The same plain model, with the same weights, for exactly so many images."""
    (given,) = plain.inputs
    images = keras.Input(
        batch_shape=(size, *given.shape[1:]), name="images", dtype=given.dtype
    )
    return keras.Model(images, plain(images, training=False), name=plain.name)


def _copy(member):
    if getattr(member, "inputs", None) is None or not hasattr(member, "outputs"):
        raise models.UnusableModel(
            f"member {member.name!r} cannot be rebuilt from stock layers: it must be a "
            "functional or a sequential model"
        )
    try:
        return rebuilding.float_copy(member)
    except Exception as error:  # each layer has errors of its own
        raise models.UnusableModel(
            f"member {member.name!r} cannot be rebuilt: {reason_of(error)}"
        ) from error


def _joined(copies):
    """(placeholders for what all copies take, nested as that is; logits of each)"""
    taken = [outputs.structure(copy, "inputs") for copy in copies]
    described = [
        keras.tree.map_structure(lambda one: f"{one.dtype} {one.shape[1:]}", one)
        for one in taken
    ]
    if any(other != described[0] for other in described):
        raise models.UnusableModel(
            "members that take different inputs cannot be joined: "
            + "; ".join(map(str, described))
        )
    flat = keras.tree.flatten(taken[0])
    as_they_are = all(_dtype_outside(one) == one.dtype for one in flat)
    if len(copies) == 1 and as_they_are and not _augments(copies[0]):
        return taken[0], copies[0].outputs
    names = {copy.name for copy in copies}

    def placeholder(one):
        name = _unused("images" if len(flat) == 1 else one.name, names)
        return keras.Input(one.shape[1:], name=name, dtype=_dtype_outside(one))

    def cast(given, one):
        return given if given.dtype == one.dtype else keras.ops.cast(given, one.dtype)

    given = keras.tree.map_structure(placeholder, taken[0])
    inside = keras.tree.map_structure(cast, given, taken[0])
    return given, [copy(inside, training=False) for copy in copies]


def _augments(model):
    """Whether a layer takes part in training unless it is told not to."""
    signatures = [inspect.signature(layer.call) for layer in model._flatten_layers()]
    parameters = [s.parameters.get("training") for s in signatures]
    return any(one is not None and one.default is True for one in parameters)


def _dtype_outside(placeholder):
    """float32 for fractions of any width and for images; others as they are."""
    dtype, is_image = placeholder.dtype, len(placeholder.shape) in (3, 4)
    return "float32" if "float" in dtype or (is_image and "int" in dtype) else dtype


def _unused(name, names):
    """The name, or it with underscores where there is one such already."""
    while name in names:
        name += "_"
    return name


def _average(logits, average):
    """The ensemble's logits, as `EnsembleModel.predictions` has them."""
    if average == "logits":
        return keras.layers.Average(dtype="float32")(logits)
    log_p = keras.ops.stack([keras.ops.log_softmax(g) for g in logits])
    return keras.ops.logsumexp(log_p, axis=0) - math.log(len(logits))


def _compare(plain, model, softmax, members, inputs):
    """Refuses a plain model whose outputs are not the trained model's."""
    which = "random inputs, give some" if inputs is None else "these inputs"
    try:
        inputs = outputs.random_inputs(members[0]) if inputs is None else inputs
        inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        logits = model.predictor_logits(inputs)
    except Exception as error:  # each layer has errors of its own
        raise models.UnusableModel(
            f"{plain.name} cannot be compared with what it was made of on {which}: "
            f"{reason_of(error)}"
        ) from error
    wanted = logits[model.predictor_names.index(plain.name)]
    wanted = (tf.nn.softmax(wanted) if softmax else wanted).numpy()
    taken = keras.tree.map_structure(
        lambda value, one: tf.cast(value, one.dtype), inputs, plain.input
    )
    found = plain(taken).numpy()  # as somebody would call it
    # What overflows in float16 need not do so here.
    finite = np.isfinite(wanted).all(axis=1)
    if not finite.any():
        raise models.UnusableModel(f"{plain.name} gives no finite outputs")
    difference = np.abs(found[finite] - wanted[finite]).max()
    allowed = _tolerance(members) * max(1.0, np.abs(wanted[finite]).max())
    if not difference <= allowed:  # also where one is NaN
        raise models.UnusableModel(
            f"{plain.name} cannot be rebuilt: its outputs differ by {difference:.2g}, "
            f"allowed are {allowed:.2g}; a layer keeps state that it "
            "does not save, or draws random numbers"
        )


def _tolerance(members):
    """The widest that a layer of the members asks for."""
    policies = [m.dtype_policy for one in members for m in one._flatten_layers()]
    computed = {policy.compute_dtype for policy in policies} & TOLERANCE.keys()
    if any(getattr(policy, "quantization_mode", None) for policy in policies):
        computed |= {"integers"}
    return max(TOLERANCE[kind] for kind in computed | {"float32"})
