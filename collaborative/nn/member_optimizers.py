"""An optimizer for each member, all of them applied in one step.

To Keras they are one optimizer. Its callbacks find them under `optimizers` and treat
each: `LearningRateScheduler` and `ReduceLROnPlateau` go on from each member's own
learning rate.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Mapping

import keras

from collaborative.nn.frozen import is_frozen
from collaborative.nn.members import by_name, owners


@keras.saving.register_keras_serializable(package="collaborative")
class MemberOptimizers(keras.optimizers.Optimizer):
    """Several Keras optimizers, each of which updates the weights of one member.

    `compile` makes it of a list or a dict of optimizers, and tells it the members.

    Args:
        optimizers: dict from a member's name to a Keras optimizer, or its name.

    Attributes:
        by_member: read-only dict from a member's name to its optimizer.

    Raises:
        ValueError: for an optimizer that is given twice or scales the cost itself.
    """

    def __init__(self, optimizers, name="member_optimizers"):
        super().__init__(learning_rate=0.0, name=name)
        found = {n: keras.optimizers.get(one) for n, one in optimizers.items()}
        _check(found)
        # No dict and no list: Keras would save what is in it a second time.
        self.by_member = types.MappingProxyType(found)
        self._find_owners = None

    def set_members(self, members):
        """Says whose weights are to be trained; to call before it is built.

        Raises:
            ValueError: for a member without an optimizer, an optimizer without a
                member, or weights that members share.
        """
        known = [member.name for member in members]
        by_name(dict(self.by_member), known, "optimizer", needed=_trained(members))
        self._find_owners = lambda variables: owners(variables, members, _ADVICE)
        self._find_owners([v for member in members for v in member.trainable_variables])

    def build(self, variables):
        """Makes the optimizers' own variables, for each member's share of the model's.

        Raises:
            ValueError: for a variable that belongs to no one member.
        """
        if self.built:
            return
        names = self._find_owners(variables)
        by_name(dict(self.by_member), list(self.by_member), "optimizer", needed=names)
        keys = map(self._var_key, variables)
        self._owners = types.MappingProxyType(dict(zip(keys, names, strict=True)))
        for optimizer, share in self._shares(variables):
            optimizer.build(share)
        super().build(variables)

    def _shares(self, variables):
        """Pairs of an optimizer and a list: those of its member, if there are any."""
        for name, optimizer in self.by_member.items():
            share = [v for v in variables if self._owners[self._var_key(v)] == name]
            if share:
                yield optimizer, share

    def apply(self, grads, trainable_variables=None):
        """Updates each member's weights by its own optimizer; the step counts once."""
        variables = list(trainable_variables or self._trainable_variables)
        self.build(variables)
        self._check_variables_are_known(variables)
        gradients = dict(zip(map(self._var_key, variables), grads, strict=True))
        for optimizer, share in self._shares(variables):
            own = [gradients[self._var_key(variable)] for variable in share]
            if any(gradient is not None for gradient in own):
                optimizer.apply(own, share)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        for optimizer, share in self._shares(var_list):
            optimizer.finalize_variable_values(share)

    @property
    def optimizers(self):
        """The optimizers of the members: where Keras's callbacks look for them."""
        return self.by_member.values()

    @property
    def variables(self):
        """Its own, then those of each optimizer."""
        return list(self._named_variables().values())

    @property
    def learning_rate(self):
        raise AttributeError(_NO_RATE)

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(_NO_RATE)

    def _named_variables(self):
        """The variables by names that do not depend on the order of the members."""
        named = {str(i): v for i, v in enumerate(self._variables)}
        for name, optimizer in self.by_member.items():
            named |= {f"{name}.{i}": v for i, v in enumerate(optimizer.variables)}
        return named

    def save_own_variables(self, store):
        for name, variable in self._named_variables().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        named = self._named_variables()
        if set(store.keys()) != set(named):
            warnings.warn(
                "the members' optimizers start anew: the file holds "
                f"{len(store.keys())} of their variables, here are {len(named)}",
                stacklevel=2,
            )
            return
        for name, variable in named.items():
            variable.assign(store[name])

    def get_config(self):
        config = {
            name: keras.saving.serialize_keras_object(optimizer)
            for name, optimizer in self.by_member.items()
        }
        return {"name": self.name, "optimizers": config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizers = {
            name: keras.saving.deserialize_keras_object(one, custom_objects)
            for name, one in config["optimizers"].items()
        }
        return cls(optimizers, config["name"])


_ADVICE = "compile with one optimizer for all"
_NO_RATE = (
    "each member has a learning rate of its own: see optimizer.by_member[name]"
    ".learning_rate"
)


def for_members(optimizer, members):
    """What Keras is to compile with, of what a person gave.

    Args:
        optimizer: of all, as Keras takes it; or one for each member, a list in their
            order or a dict by name. A frozen member may be left out of the dict.
        members: the Keras models.

    Returns:
        A `MemberOptimizers` that knows its members, or what was given.

    Raises:
        ValueError: where it is not clear whose optimizer is meant.
    """
    if isinstance(optimizer, Mapping) and "class_name" in optimizer:
        return optimizer  # Keras's way to write down one optimizer
    if isinstance(optimizer, list | tuple | Mapping):
        names = [member.name for member in members]
        given = by_name(optimizer, names, "optimizer", needed=_trained(members))
        optimizer = MemberOptimizers(given)
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales
    if isinstance(inner, MemberOptimizers):
        inner.set_members(members)
    return optimizer


def show_to_callbacks(optimizer):
    """Has Keras's callbacks find the members' optimizers behind one that scales.

    Args:
        optimizer: what a model was compiled with.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    if isinstance(inner, MemberOptimizers):
        optimizer.optimizers = inner.optimizers


def learning_rates(optimizer):
    """The learning rates now.

    Returns:
        Dict from "learning_rate" to a float; or, where each member has its own, from
        "<member>/learning_rate".
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(inner, MemberOptimizers):
        return {"learning_rate": float(optimizer.learning_rate)}
    return {
        f"{name}/learning_rate": float(one.learning_rate)
        for name, one in inner.by_member.items()
    }


def _trained(members):
    return [member.name for member in members if not is_frozen(member)]


def _check(optimizers):
    first = {}
    for name, optimizer in optimizers.items():
        other = first.setdefault(id(optimizer), name)
        if other != name:
            raise ValueError(
                f"members {other!r} and {name!r} were given the same optimizer: make "
                "one for each"
            )
        scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if scales or optimizer.loss_scale_factor is not None:
            raise ValueError(
                f"the optimizer of member {name!r} scales the cost, which all members "
                "share: leave that out; with dtype='mixed_float16' compile does it"
            )
