"""Members that are not trained, or in part, and what Keras forgets of it in a file."""

from __future__ import annotations

import keras


def is_frozen(member):
    """Whether nothing of a member is trained: its `trainable`, or all of its layers'.

    Keras keeps that of layers in a file, and forgets a model's.
    """
    if not member.trainable:
        return True
    if not member.built or member.trainable_variables:
        return False
    return not any(_may_change(layer) for layer in member.layers)


def _may_change(layer):
    """Whether training changes a layer; batch normalization may have moments alone."""
    if isinstance(layer, keras.Model):
        return not is_frozen(layer)
    return layer.trainable and bool(layer.weights)


def without_frozen(variables, members):
    """Those of a list of variables that no frozen member keeps as they are.

    Keras does not train them by the member's own `fit`. By that of a model around it it
    would, where a layer was thawed within the member, or made after it was frozen.
    """
    frozen = [variable for m in members if not m.trainable for variable in m.variables]
    trained = [variable for m in members for variable in m.trainable_variables]
    kept = without(frozen, trained)
    return without(variables, kept)


def without(variables, others):
    """Those of a list of variables that are none of the others."""
    known = {id(variable) for variable in others}
    return [variable for variable in variables if id(variable) not in known]


def freeze_again(model):
    """Freezes what is frozen in a model out of a file, with all that is within it.

    Keras makes the layers within a frozen layer anew, as trainable, and trains them
    (3.15.1, `findings/frozen_layer_loaded.sh`). A model of which all is frozen says so
    itself afterwards, so that setting its `trainable` to True thaws all of it.

    Args:
        model: a Keras model, or a layer that is itself trained.
    """
    for layer in model._flatten_layers(include_self=False, recursive=False):
        if layer.trainable:
            freeze_again(layer)
        else:
            freeze(layer)
    if isinstance(model, keras.Model) and model.weights and is_frozen(model):
        freeze(model)


def freeze(layer):
    """Freezes a layer with all that is within it, whatever it says itself."""
    flags = [one.trainable for one in layer._flatten_layers()]
    if any(flags) or any(variable.trainable for variable in layer.variables):
        layer.trainable = True  # setting it to what it is would reach nothing within
        layer.trainable = False
