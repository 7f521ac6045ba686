"""What the networks of an ensemble must have in common."""

from __future__ import annotations

import keras


def check_members(members):
    """Checks that models can be trained together.

    Args:
        members: list of Keras models.

    Raises:
        ValueError: for equal names, logits of different shapes, or a softmax at the
            end of a member.
    """
    names = [member.name for member in members]
    if len(set(names)) < len(names) or "ensemble" in names:
        raise ValueError(
            "members need different names, none of them 'ensemble', "
            f"got {names}: build them with name="
        )
    shapes = {m.name: getattr(m, "output_shape", None) for m in members}
    known = {shape for shape in shapes.values() if shape is not None}
    if len(known) > 1 or any(len(shape) != 2 for shape in known):
        raise ValueError(
            f"members must all give logits of one shape [batch, classes], got {shapes}"
        )
    for member in members:
        last = member.layers[-1] if member.layers else None
        if getattr(last, "activation", None) is keras.activations.softmax:
            raise ValueError(
                f"member {member.name!r} ends in a softmax: members must return "
                "logits, leave the last activation out"
            )
