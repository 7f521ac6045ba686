"""The settings of a model, which take effect whenever they are set.

A step is traced once, with the settings as they are then: when one is set anew, it is
checked as it was when the model was made, and the steps are traced again.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping

import keras

from collaborative.collaboration import UNLABELED_STEPS, Collaboration, number
from collaborative.nn import saving
from collaborative.nn.classifier import Classifier
from collaborative.nn.members import by_name, owners


class LiveSetting:
    """An attribute of a `Classifier` that can be set at any time.

    Args:
        check: a function of the model and a value that gives the value to keep, or
            raises ValueError.
    """

    def __init__(self, check):
        self._check = check

    def __set_name__(self, owner, name):
        self._name = f"_{name}"

    def __get__(self, model, owner=None):
        return self if model is None else getattr(model, self._name)

    def __set__(self, model, value):
        setattr(model, self._name, self._check(model, value))
        model.trace_again()


class _Field:
    """A field of a model's `collaboration`, which itself never changes."""

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, model, owner=None):
        return self if model is None else getattr(model.collaboration, self._name)

    def __set__(self, model, value):
        changed = {self._name: value}
        model.collaboration = dataclasses.replace(model.collaboration, **changed)


def _collaboration(model, value):
    before = getattr(model, "_collaboration", value)
    count = len(model.members)
    if value.is_scheduled != before.is_scheduled:
        raise ValueError(
            "a model with a schedule of alpha has a metric more, so that one cannot be "
            "given or taken later: make a new model of the same members"
        )
    _check_schedule(value, model.steps)
    if value.pull and (count == 1 or len(value.pull) != count):
        raise ValueError(
            f"pull must have a number for each of {count} members, "
            f"got {len(value.pull)}"
            if count > 1
            else "pull says how far members are drawn to each other, and there is one"
        )
    return value


def _check_schedule(collaboration, steps):
    counts_steps = isinstance(collaboration.schedule, str)
    if counts_steps and collaboration.is_scheduled and not steps:
        raise ValueError("a schedule of alpha needs steps, those of all training")


def _steps(model, value):
    if value is not None and not 0 < number(value) < math.inf:
        raise ValueError(
            "steps must be None or a number above 0, that of all updates, "
            f"got {value!r}"
        )
    if hasattr(model, "_collaboration"):
        _check_schedule(model.collaboration, value)
        _check_small_loss(model.small_loss, value)
    return value


def _factor(name):
    def check(_, value):
        if not 0 <= number(value) < math.inf:
            raise ValueError(f"{name} must be a finite number >= 0, got {value!r}")
        return float(value)

    return check


def _weight_decay(model, value):
    check = _factor("weight_decay")
    if not isinstance(value, list | tuple | Mapping):
        return check(model, value)
    names = [member.name for member in model.members]
    factors = by_name(value, names, "weight_decay")
    model.owners(model.trainable_variables)
    return types.MappingProxyType({n: check(model, factors[n]) for n in names})


def _part(name):
    def check(_, value):
        if not 0 <= number(value) < 1:
            raise ValueError(f"{name} must be from 0 to below 1, got {value!r}")
        return float(value)

    return check


def _small_loss(model, value):
    part = _part("small_loss")(model, value)
    _check_small_loss(part, model.steps)
    return part


def _check_small_loss(value, steps):
    if value and not steps:
        raise ValueError("small_loss grows with training: it needs steps, those of all")


def _unlabeled(model, value):
    if value not in (None, *UNLABELED_STEPS):
        raise ValueError(
            f"unlabeled must be None or one of {', '.join(UNLABELED_STEPS)}, "
            f"got {value!r}"
        )
    if getattr(model, "_unlabeled", value) != value:
        raise ValueError(
            "a model with unlabeled images has a metric more, so that unlabeled cannot "
            "change later: make a new model of the same members"
        )
    return value


def _class_weight(model, value):
    if value is None:
        return None
    in_order = list(value) if isinstance(value, Iterable) else [math.nan]
    if isinstance(value, Mapping):  # by the numbers of the classes, as Keras has it
        in_order = [value.get(label, math.nan) for label in range(len(value))]
    weights = tuple(map(number, in_order))
    shape = getattr(model.members[0], "output_shape", None) or (len(weights),)
    if len(weights) != shape[-1] or not all(0 <= w < math.inf for w in weights):
        raise ValueError(
            f"class_weight must have a finite number >= 0 for each of {shape[-1]} "
            f"classes, from 0 on, got {value!r}"
        )
    return weights


class CollaborativeSettings(Classifier):
    """A classifier with the settings of `models.EnsembleModel`.

    Args:
        members, weight_decay, method, alpha: as there; so are the others.
    """

    collaboration = LiveSetting(_collaboration)
    unlabeled = LiveSetting(_unlabeled)
    unlabeled_weight = LiveSetting(_factor("unlabeled_weight"))
    weight_decay = LiveSetting(_weight_decay)
    class_weight = LiveSetting(_class_weight)
    label_smoothing = LiveSetting(_part("label_smoothing"))
    small_loss = LiveSetting(_small_loss)
    steps = LiveSetting(_steps)
    method, alpha, temperature, topology = _Field(), _Field(), _Field(), _Field()
    pair_cost, pull, schedule, weighted = _Field(), _Field(), _Field(), _Field()

    def __init__(
        self,
        members,
        weight_decay,
        method,
        alpha,
        *,
        collaboration=None,
        steps=None,
        unlabeled=None,
        unlabeled_weight=1.0,
        class_weight=None,
        label_smoothing=0.0,
        small_loss=0.0,
        **kwargs,
    ):
        fields = {f.name for f in dataclasses.fields(Collaboration)}
        changed = {name: kwargs.pop(name) for name in fields & kwargs.keys()}
        if collaboration is None:
            collaboration = Collaboration(method, alpha)
        collaboration = dataclasses.replace(collaboration, **changed)
        totals = ["collaboration_cost", "weight_decay", "loss"]
        totals += ["alpha"] if collaboration.is_scheduled else []
        totals += ["unlabeled_cost"] if unlabeled else []
        super().__init__(members, totals, **kwargs)
        self.steps = steps
        self.unlabeled = unlabeled
        self.unlabeled_weight = unlabeled_weight
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.small_loss = small_loss
        self.weight_decay = weight_decay
        self.collaboration = collaboration

    def owners(self, variables):
        """Names of the members whose weights they are, for their weight decay.

        Raises:
            ValueError: for weights that members share, or that belong to none.
        """
        return owners(variables, self.members, "give one weight_decay for all")

    def get_config(self):
        saving.check_format()
        decay = self.weight_decay
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "weight_decay": decay if isinstance(decay, float) else dict(decay),
            "steps": self.steps,
            "class_weight": self.class_weight,
            "label_smoothing": self.label_smoothing,
            "small_loss": self.small_loss,
            **dataclasses.asdict(self.collaboration),
            "schedule": _serialized(self.schedule),
        }


def _serialized(schedule):
    """A schedule as plain values: its name, or what Keras makes of a callable."""
    if isinstance(schedule, str):
        return schedule
    return keras.saving.serialize_keras_object(schedule)


def deserialized_settings(config, custom_objects=None):
    """The settings of a saved model, with the schedule as it was before."""
    schedule = config.get("schedule", "constant")
    if isinstance(schedule, str):
        return config
    schedule = keras.saving.deserialize_keras_object(
        schedule, custom_objects=custom_objects
    )
    return config | {"schedule": schedule}
