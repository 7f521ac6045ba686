"""Whole runs of what goes beyond the paper, on small networks."""

import dataclasses

import keras
import numpy as np
import pytest
from small_models import StopAfter
from tiny_runs import CONFIG, ONE_EPOCH, train

from collaborative import models
from collaborative.data import batches
from collaborative.runs import reader
from collaborative.training import teacher
from collaborative.training import train as trainer

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]
STUDENT = dataclasses.replace(
    ONE_EPOCH,
    members=("ST",),
    method="KL",
    alpha=1.0,
    teacher=("ST", "ST"),
    temperature=4.0,
)


def weights(result):
    model = keras.models.load_model(result.run_dir / "model.keras")
    return [np.asarray(v) for v in model.variables]


def test_a_student_needs_its_teacher_and_learns_from_it(tmp_path, tiny):
    with pytest.raises(trainer.RunError, match=r"model.keras: train the teacher first"):
        train(STUDENT, tiny, tmp_path)
    train(STUDENT.teacher_config, tiny, tmp_path)
    taught = train(STUDENT, tiny, tmp_path)
    # The distance to the teacher's logits is part of the cost in training only.
    totals = taught.statistics["totals"]
    assert totals["train_collaboration_cost"][0] > 0
    assert totals["test_collaboration_cost"][0] == 0
    untaught = dataclasses.replace(STUDENT, alpha=0.0)
    alone = train(untaught, tiny, tmp_path)
    pairs = zip(weights(taught), weights(alone), strict=True)
    assert any(np.any(a != b) for a, b in pairs)


@pytest.mark.slow
def test_a_teacher_sees_the_changed_images_that_its_student_sees(tmp_path, tiny):
    config = dataclasses.replace(STUDENT, augment=True)
    trained = train(config.teacher_config, tiny, tmp_path)
    path = trained.run_dir / "model.keras"
    said = teacher.answers(path, config, tiny)
    made = batches.TrainingBatches(tiny.train, 16, 1, flip=False, teacher=said)
    inputs, _ = next(iter(made.fed(0, 1)))
    model = models.load_model(path)
    np.testing.assert_allclose(inputs.teacher, model(inputs.images), rtol=1e-5)
    unchanged = dataclasses.replace(config, augment=False)
    recorded = teacher.answers(path, unchanged, tiny)
    np.testing.assert_allclose(recorded, model(tiny.train.images), rtol=1e-5)
    assert not np.isin(np.asarray(inputs.teacher), recorded).all()
    taught = train(config, tiny, tmp_path)
    assert taught.statistics["totals"]["train_collaboration_cost"][0] > 0


@pytest.mark.parametrize(
    "settings",
    [
        {
            "augment": True,
            "alpha_schedule": "ramp_up",
            "pull": ("ST=0.5",),
            "unlabeled": "noise",
            "unlabeled_steps": "separate",
        },
        pytest.param(
            {"unlabeled": "holdout:0.5", "unlabeled_ratio": 0.5, "topology": "all"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_resumed_runs_are_the_same(tmp_path, tiny, settings):
    config = dataclasses.replace(CONFIG, epochs=2, **settings)
    unlabeled = {"noise": "noise", "holdout:0.5": tiny.train.images[:20]}
    data = dataclasses.replace(tiny, unlabeled=unlabeled.get(config.unlabeled))
    whole = train(config, data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(config, data, tmp_path / "parts", callbacks=[StopAfter(1)])
    parts = train(config, data, tmp_path / "parts")
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_array_equal(one, other)
    one, other = (
        reader.read_statistics(r.run_dir / "stats.pkl")["totals"]
        for r in (whole, parts)
    )
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    if (
        "alpha_schedule" in settings
    ):  # 4 updates an epoch, 8 in all; means over an epoch
        alpha = 0.01 * np.array([0.25, 0.75])  # every other update is without labels
        np.testing.assert_allclose(one["train_alpha"], alpha, rtol=1e-5)
