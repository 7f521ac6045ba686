"""Settings of a model that are set once it was trained."""

import dataclasses

import keras
import numpy as np
import pytest
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import models

CHANGES = {
    "alpha": 1.0,
    "method": "L1",
    "temperature": 2.0,
    "pair_cost": "mean",
    "pull": (1.0, 0.25),
    "weight_decay": 0.5,
    "average": "probabilities",
    "label_smoothing": 0.3,
    "small_loss": 0.5,
}
# All at once, which is quick, with a method that has a temperature; and each alone.
LATE = {"all": CHANGES | {"method": "KL"}}
LATE |= {name: {name: value} for name, value in CHANGES.items()}


def settled(**changes):
    model = ensemble("CE", pull=(1.0, 0.5), steps=4)
    model = compiled(model, optimizer=keras.optimizers.SGD(0.01))
    for name, value in changes.items():
        setattr(model, name, value)
    return model


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, id=name, marks=[pytest.mark.slow] * (name != "all"))
        for name, changes in LATE.items()
    ],
)
def test_what_is_set_after_training_takes_effect(changes, images_and_labels):
    late, early = settled(), settled(**changes)
    fit(late, images_and_labels)
    late.evaluate(*images_and_labels, verbose=0)
    late.predict(images_and_labels[0], verbose=0)
    early.set_weights(late.get_weights())
    early.optimizer.iterations.assign(late.optimizer.iterations)  # of `small_loss`
    for name, value in changes.items():
        setattr(late, name, value)
        assert getattr(late, name) == getattr(early, name)
    found = [
        (
            model.evaluate(*images_and_labels, verbose=0),
            model.predict(images_and_labels[0], verbose=0),
            fit(model, images_and_labels).history["loss"],
            weights(model),
        )
        for model in (late, early)
    ]
    for one, other in zip(*map(keras.tree.flatten, found), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_callback_may_set_alpha_in_the_midst_of_training(images_and_labels):
    model = compiled(ensemble("L2", 0.0), optimizer=keras.optimizers.SGD(0.0))
    ramp = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: setattr(model, "alpha", 0.5 * epoch)
    )
    history = model.fit(
        *images_and_labels, epochs=3, callbacks=[ramp], shuffle=False, verbose=0
    ).history
    collaboration = history["collaboration_cost"][0]
    steps = np.diff(history["loss"])
    np.testing.assert_allclose(steps, 0.5 * collaboration, rtol=1e-3)


def test_a_schedule_and_its_steps_may_change(images_and_labels):
    model = ensemble(schedule="ramp_up:0.5", steps=6)
    compiled(model, optimizer=keras.optimizers.SGD(0.0))
    fit(model, images_and_labels, epochs=1)
    model.schedule, model.steps = "ramp_up:1.0", 12
    history = fit(model, images_and_labels, epochs=1).history
    np.testing.assert_allclose(history["alpha"], 0.1 * np.mean([3, 4, 5]) / 12, 1e-5)


def scheduled():
    return ensemble(schedule="cosine", steps=10)


@pytest.mark.parametrize(
    "make, name, value, message",
    [
        (ensemble, "alpha", -1, "alpha must be a finite number >= 0, got -1"),
        (ensemble, "method", "L3", "method must be one of CE, L2, L1"),
        (
            ensemble,
            "pull",
            (1,),
            "pull must have a number for each of 2 members, got 1",
        ),
        (ensemble, "schedule", "cosine", "a metric more.*make a new model"),
        (scheduled, "schedule", "constant", "a metric more.*make a new model"),
        (scheduled, "steps", None, "a schedule of alpha needs steps"),
        (ensemble, "unlabeled", "mixed", "a metric more.*make a new model"),
        (
            ensemble,
            "unlabeled_weight",
            -1,
            "unlabeled_weight must be a finite number >= 0, got -1",
        ),
        (ensemble, "weight_decay", "much", "a finite number >= 0, got 'much'"),
        (ensemble, "label_smoothing", "0.1", "from 0 to below 1, got '0.1'"),
        (ensemble, "label_smoothing", None, "from 0 to below 1, got None"),
        (ensemble, "small_loss", [0.1], "small_loss must be from 0 to below 1"),
        (scheduled, "small_loss", float("nan"), "from 0 to below 1, got nan"),
        (ensemble, "steps", "all", "steps must be None or a number .* got 'all'"),
        (scheduled, "steps", -3, "steps must be None or a number above 0.* got -3"),
        (ensemble, "weight_decay", [0.1], "one for each of 2 members, a, b, got 1"),
        (ensemble, "average", "votes", "'logits' or 'probabilities', got 'votes'"),
        (
            lambda: models.SingleModel(linear("a")),
            "pull",
            (0.5,),
            "how far members are drawn to each other, and there is one",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(make, name, value, message):
    model = make()
    before = getattr(model, name)
    with pytest.raises(ValueError, match=message):
        setattr(model, name, value)
    assert getattr(model, name) == before


def test_the_collaboration_itself_is_read_only(images_and_labels):
    model = ensemble()
    with pytest.raises(dataclasses.FrozenInstanceError, match="field 'alpha'"):
        model.collaboration.alpha = 1.0
    model.collaboration = dataclasses.replace(model.collaboration, alpha=1.0)
    assert model.alpha == 1.0
