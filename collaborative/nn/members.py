"""What the networks of an ensemble must have in common, and how they are saved."""

from __future__ import annotations

import itertools

import keras

from collaborative.nn import frozen, outputs
from collaborative.nn.networks import OF_VALIDATION, RESERVED
from collaborative.system.errors import UserError


class UnknownMember(UserError, KeyError):
    """A name that no member has; the message is one line."""

    __str__ = Exception.__str__  # a KeyError would put it in quotes


def check_members(members):
    """Checks that models can be trained together.

    Args:
        members: list of Keras models.

    Raises:
        ValueError: for what is no Keras model, names that clash, outputs that are not
            `[batch, classes]` of one size and of two classes or more, inputs that
            differ, a softmax at the end of a member, or layers that members share in a
            way that cannot be saved.
    """
    for member in members:
        if not isinstance(member, keras.Model):
            raise ValueError(f"members must be Keras models, got {member!r}")
    _check_names([member.name for member in members])
    _check_shapes({m.name: getattr(m, "output_shape", None) for m in members})
    _check_inputs(members)
    for member in filter(says_its_kind, members):
        check_kind(member)
    shared_layers(members)


def says_its_kind(member):
    """Whether it is known what a member takes, so that its outputs can be computed."""
    return member.built and getattr(member, "outputs", None) is not None


def check_kind(member, inputs=None):
    """Refuses a member whose outputs are no logits.

    Args:
        member: a Keras model, built.
        inputs: as for `outputs.kind_of_outputs`.

    Raises:
        ValueError: for probabilities, or another kind of outputs.
    """
    kind = outputs.kind_of_outputs(member, inputs)
    if kind == outputs.OTHER:
        raise ValueError(
            "members must give one output of logits [batch, classes], and member "
            f"{member.name!r} gives another: make a model of the one output that counts"
        )
    if kind != outputs.LOGITS:
        raise ValueError(
            f"members must return logits, and the outputs of member {member.name!r} "
            f"are {outputs.DESCRIPTIONS[kind]}: leave the softmax or sigmoid at its "
            "end out"
        )


def _check_names(names):
    if len(set(names)) < len(names) or set(names) & set(RESERVED):
        raise ValueError(
            "members need different names, none of them "
            f"{', '.join(map(repr, RESERVED))}, got {names}: build them with name="
        )
    if any("/" in name or name.startswith(OF_VALIDATION) for name in names):
        raise ValueError(
            f"members' names must be without / and not begin with {OF_VALIDATION}, got "
            f"{names}: build them with name="
        )


def check_returned(members, logits):
    """Raises ValueError unless what members returned is as `check_members` wants it.

    Args:
        members: Keras models, of which it may not be known before.
        logits: what each returned.
    """
    shapes = {}
    for member, g in zip(members, logits, strict=True):
        shape = keras.tree.map_structure(lambda one: one.shape, g)
        shapes[member.name] = tuple(shape) if hasattr(g, "shape") else shape
    _check_shapes(shapes)


def _check_shapes(shapes):
    for name, shape in shapes.items():
        _check_logits(name, shape)
    if not _all_fit(shapes.values()):
        raise ValueError(
            f"members must all give logits of one shape [batch, classes], got {shapes}"
        )


def _check_logits(name, shape):
    """Raises ValueError unless a shape, where it is known, is `[batch, classes >= 2]`.

    Args:
        name: of the member.
        shape: of its output, None where it is not known yet; of several outputs, a list
            or a dict of shapes.
    """
    if shape is None:
        return
    is_one = isinstance(shape, tuple) and all(
        size is None or isinstance(size, int) for size in shape
    )
    if not (is_one and len(shape) == 2):
        raise ValueError(
            f"members must give one output of logits [batch, classes], and member "
            f"{name!r} gives {shape}: make a model of the one output that counts"
        )
    if shape[1] is not None and shape[1] < 2:
        raise ValueError(
            f"members need a logit for each of two classes or more, and member "
            f"{name!r} gives {shape[1]}: give it two units for two classes"
        )


def _check_inputs(members):
    shapes = {m.name: getattr(m, "input_shape", None) for m in members}
    if not _all_fit(shapes.values()):
        raise ValueError(f"members must all take the same inputs, got {shapes}")


def _all_fit(shapes):
    return all(itertools.starmap(_fit, itertools.combinations(shapes, 2)))


def _fit(shape, other):
    """Whether shapes, or structures of shapes, are the same; open sizes fit any."""
    if None in (shape, other):
        return True
    if isinstance(shape, dict) and isinstance(other, dict):
        return shape.keys() == other.keys() and all(
            _fit(shape[name], other[name]) for name in shape
        )
    if isinstance(shape, list | tuple) and isinstance(other, list | tuple):
        return len(shape) == len(other) and all(map(_fit, shape, other))
    return shape == other


def shared_layers(members):
    """The layers with weights that members share.

    Returns:
        List of (index of a later member, index of the first, name of the layer).

    Raises:
        ValueError: where a member that shares is neither functional nor sequential, or
            shares a part of a layer only: what is saved could not be loaded.
    """
    owners, shared = {}, []
    for place, member in enumerate(members):
        for layer in member.layers:
            if not layer.weights and not getattr(layer, "layers", None):
                continue
            first = owners.setdefault(id(layer), place)
            if first != place:
                shared.append((place, first, layer.name))
    _check_sharing(members, shared)
    return shared


def _check_sharing(members, shared):
    names = {(place, name) for place, _, name in shared}
    owners = {}
    for place, member in enumerate(members):
        for layer in member.layers:
            for weight in layer.weights:
                first = owners.setdefault(id(weight), (place, layer))
                if first[0] != place and (place, layer.name) not in names:
                    raise ValueError(
                        f"members {members[first[0]].name!r} and {member.name!r} share "
                        f"a part of the layer {layer.name!r}, and could not be loaded "
                        "again once saved: share whole layers, or none"
                    )
    for place, first, name in shared:
        for member in (members[place], members[first]):
            if not isinstance(member, keras.Sequential) and not getattr(
                member, "_is_graph_network", hasattr(member, "operations")
            ):
                raise ValueError(
                    f"member {member.name!r} shares the layer {name!r} and is neither "
                    "functional nor sequential: it could not be loaded again once saved"
                )


def serialized(members):
    """Members as plain values, without what they were compiled with."""
    return [_without_compile(keras.saving.serialize_keras_object(m)) for m in members]


def _without_compile(config):
    if isinstance(config, dict):
        return {
            key: _without_compile(value)
            for key, value in config.items()
            if key != "compile_config"
        }
    if isinstance(config, list | tuple):
        return [_without_compile(value) for value in config]
    return config


def deserialized(configs, shared=(), custom_objects=None):
    """The members that `serialized` took, with the layers that they share."""
    members = [
        keras.saving.deserialize_keras_object(config, custom_objects=custom_objects)
        for config in configs
    ]
    for place in sorted({place for place, _, _ in shared}):
        names = {name: first for later, first, name in shared if later == place}

        def of_the_first(layer, names=names):
            if layer.name in names:
                return members[names[layer.name]].get_layer(layer.name)
            return layer

        member = members[place]
        members[place] = keras.models.clone_model(member, clone_function=of_the_first)
        members[place].name = member.name
    for member in members:
        frozen.freeze_again(member)
    return members


def by_name(values, names, what, needed=None):
    """Something for each member: a dict by name.

    Args:
        values: a list in the order of the members, or a dict by name.
        names: of the members.
        what: it is, for the error.
        needed: names of those that cannot do without; None: all.

    Raises:
        ValueError: for a list of another length, an unknown name or one that is left
            out.
    """
    if isinstance(values, list | tuple):
        if len(values) != len(names):
            raise ValueError(
                f"{what} must be one for each of {len(names)} members, "
                f"{', '.join(names)}, got {len(values)}"
            )
        return dict(zip(names, values, strict=True))
    for name in values:
        if name not in names:
            raise ValueError(
                f"{what} must be by names of members, {', '.join(names)}, got {name!r}"
            )
    missing = [n for n in (names if needed is None else needed) if n not in values]
    if missing:
        raise ValueError(
            f"{what} must be one for each member, and there is none for "
            f"{', '.join(missing)}"
        )
    return {name: values[name] for name in names if name in values}


def owners(variables, members, advice):
    """The name of the member that each variable belongs to.

    Args:
        variables: of a model.
        members: the Keras models.
        advice: what to do where that is not clear, for the error.

    Raises:
        ValueError: for a variable that members share, or that belongs to none.
    """
    found = {}
    for member in members:
        for variable in member.variables:
            other = found.setdefault(id(variable), member.name)
            if other != member.name and any(v is variable for v in variables):
                raise ValueError(
                    f"members {other!r} and {member.name!r} share {variable.path}: "
                    f"{advice}"
                )
    for variable in variables:
        if id(variable) not in found:
            raise ValueError(f"{variable.path} belongs to no member: {advice}")
    return [found[id(variable)] for variable in variables]
