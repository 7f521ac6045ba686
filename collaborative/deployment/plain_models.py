"""From a trained model to a plain one: float32, stock Keras layers, prediction only.

What is trained here has a class and a batch normalization of its own, and may compute
in mixed precision. A plain model is what somebody without this code can load: one
member, or the ensemble, whose logits are the mean of its members' logits.
"""

from __future__ import annotations

import math

import collaborative.system.on_tensorflow  # noqa: F401 (before Keras, by the split)

# isort: split
import keras

from collaborative.models import UnusableModel
from collaborative.nn import fast_paths


def plain_model(model, name, softmax=False):
    """Builds a functional model of one member, or of the ensemble.

    Args:
        model: a `SingleModel` or an `EnsembleModel` whose members are functional or
            sequential models.
        name: one of `model.predictor_names`: a member, or "ensemble".
        softmax: whether it returns probabilities instead of logits.

    Returns:
        A float32 `keras.Model` named `name`, with weights of its own, from what the
        members take to `[batch, classes]`.

    Raises:
        UnusableModel: where there is no such member, or one cannot be rebuilt.
    """
    if name not in model.predictor_names:
        raise UnusableModel(
            f"the model has no {name!r}: choose {', '.join(model.predictor_names)}"
        )
    members = [
        _plain_member(member)
        for member in model.members
        if name in (member.name, "ensemble")
    ]
    if name == "ensemble":
        inputs = keras.Input(members[0].input_shape[1:], name="images")
        outputs = _average([member(inputs) for member in members], model.average)
    else:
        inputs, outputs = members[0].inputs[0], members[0].outputs[0]
    if softmax:
        outputs = keras.layers.Softmax(name="probabilities")(outputs)
    return keras.Model(inputs, outputs, name=name)


def _plain_member(member):
    try:
        plain = keras.models.clone_model(member, clone_function=_plain_layer)
    except ValueError as error:
        raise UnusableModel(
            f"member {member.name!r} cannot be rebuilt from stock layers: it must be a "
            "functional or a sequential model"
        ) from error
    plain.set_weights(member.get_weights())
    return plain


def _plain_layer(layer):
    """The layer with float32 as its policy, as Keras computes it on one device."""
    if isinstance(layer, keras.layers.InputLayer):
        return layer.from_config(layer.get_config())
    if isinstance(layer, keras.Model):
        return _plain_member(layer)
    stock = fast_paths.STOCK.get(type(layer), type(layer))
    changes = {"dtype": "float32"}
    if isinstance(layer, keras.layers.BatchNormalization):
        changes["synchronized"] = False
    return stock.from_config(layer.get_config() | changes)


def _average(logits, average):
    """The ensemble's logits, as `EnsembleModel.predictions` has them."""
    if average == "logits":
        return keras.layers.Average(name="logits")(logits)
    log_p = keras.ops.stack([keras.ops.log_softmax(g) for g in logits])
    return keras.ops.logsumexp(log_p, axis=0) - math.log(len(logits))
