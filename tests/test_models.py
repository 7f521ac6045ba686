"""Models: statistics and training as the equations say, and models that cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import collaboration, models, resnet

pytestmark = pytest.mark.eager


def softmax_cost(logits, labels):
    log_p = np.asarray(tf.nn.log_softmax(logits))
    return -log_p[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize(
    "method",
    ["CE", pytest.param("L2", marks=pytest.mark.eager(False)), "L1", "Single"],
)
def test_metrics_are_what_the_equations_say(method, images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble(method))
    metrics = model.evaluate(images, labels, batch_size=40, verbose=0, return_dict=True)
    logits = {m.name: np.asarray(m(images)) for m in model.members}
    expected = {}
    mean = (logits["a"] + logits["b"]) / 2
    for name, g in (logits | {"ensemble": mean}).items():
        expected[f"{name}_error"] = np.mean(g.argmax(axis=1) != labels)
        expected[f"{name}_cost"] = softmax_cost(g, labels)
    collab = 0.0
    if method != "Single":
        pair = [tf.constant(g) for g in logits.values()]
        collab = float(collaboration.Collaboration(method).cost(pair))
    kernels = [v for v in weights(model) if v.ndim == 2]
    decay = 0.01 * sum(np.sum(k**2) / 2 for k in kernels)
    total = expected["a_cost"] + expected["b_cost"] + 0.1 * collab + decay
    expected |= {"collaboration_cost": collab, "weight_decay": decay, "loss": total}
    assert metrics == pytest.approx(expected, rel=1e-5)


@pytest.mark.eager(False)
def test_step_descends_the_gradient_of_the_total_cost(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble(), optimizer=keras.optimizers.SGD(0.1))
    before = weights(model)
    with tf.GradientTape() as tape:
        a, b = (member(images) for member in model.members)
        cost = sum(
            tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=g)
            )
            for g in (a, b)
        )
        cost += 0.1 * tf.reduce_mean(tf.reduce_sum((a - b) ** 2, axis=1))
        kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        cost += 0.01 * sum(tf.reduce_sum(k**2) / 2 for k in kernels)
    gradients = tape.gradient(cost, model.trainable_variables)
    model.train_on_batch(images, labels)
    for old, gradient, new in zip(before, gradients, weights(model), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "method",
    ["CE", "L2", *(pytest.param(m, marks=pytest.mark.slow) for m in ("L1", "Single"))],
)
def test_alpha_0_trains_members_as_if_alone(method, images_and_labels):
    together = compiled(ensemble(method, alpha=0))
    fit(together, images_and_labels)
    for name, seed in (("a", 1), ("b", 2)):
        alone = models.SingleModel(linear(name, seed=seed), weight_decay=0.01)
        fit(compiled(alone), images_and_labels)
        member = next(m for m in together.members if m.name == name)
        for one, other in zip(weights(member), weights(alone), strict=True):
            np.testing.assert_array_equal(one, other)


def test_alpha_changes_training(images_and_labels):
    one, other = compiled(ensemble(alpha=0)), compiled(ensemble(alpha=0.1))
    fit(one, images_and_labels)
    fit(other, images_and_labels)
    assert not np.allclose(weights(one)[0], weights(other)[0])


@pytest.mark.eager(False)
def test_collaboration_brings_members_together(images_and_labels):
    costs = []
    for alpha in (0.0, 1.0):
        model = compiled(ensemble(alpha=alpha))
        history = fit(model, images_and_labels, epochs=20).history
        costs.append(history["collaboration_cost"][-1])
    assert costs[1] < costs[0] / 2


def test_running_means_weigh_the_newest_batch_with_5_percent(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble(), optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(
        images, labels, batch_size=32, epochs=2, shuffle=False, verbose=0
    ).history
    per_batch = [
        softmax_cost(model.members[0](images[i : i + 32]), labels[i : i + 32])
        for i in (0, 32, 64)
    ]
    running = per_batch[0]
    for cost in per_batch[1:]:
        running = 0.95 * running + 0.05 * cost
    assert history["a_cost"] == pytest.approx([np.mean(per_batch)] * 2, rel=1e-5)
    assert history["a_cost_running"] == pytest.approx([running] * 2, rel=1e-5)


def test_partial_batches_count_by_their_images(images_and_labels):
    images, labels = images_and_labels
    model = compiled(ensemble())
    whole = model.evaluate(images, labels, batch_size=96, verbose=0, return_dict=True)
    parts = model.evaluate(images, labels, batch_size=50, verbose=0, return_dict=True)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_call_gives_the_mean_of_the_logits(images_and_labels):
    images, _ = images_and_labels
    model = ensemble()
    mean = sum(np.asarray(m(images)) for m in model.members) / 2
    np.testing.assert_allclose(model(images), mean, rtol=1e-6)
    np.testing.assert_allclose(compiled(model).predict(images, verbose=0), mean, 1e-5)


def test_average_of_probabilities(images_and_labels):
    images, _ = images_and_labels
    model = ensemble(average="probabilities")
    mean = sum(np.asarray(tf.nn.softmax(m(images))) for m in model.members) / 2
    np.testing.assert_allclose(tf.nn.softmax(model(images)), mean, rtol=1e-5)


def test_losses_and_metrics_of_the_user_are_kept(images_and_labels):
    images, labels = images_and_labels
    regular = linear("a", seed=1, kernel_regularizer=keras.regularizers.L2(0.5))
    model = models.EnsembleModel([regular, linear("b", seed=2)], "L2", 0.0)
    compiled(model, metrics=["accuracy"])
    metrics = model.test_on_batch(images, labels, return_dict=True)
    penalty = 0.5 * np.sum(np.asarray(regular.trainable_variables[0]) ** 2)
    costs = metrics["a_cost"] + metrics["b_cost"]
    assert metrics["loss"] == pytest.approx(costs + penalty, rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(1 - metrics["ensemble_error"])


def test_three_members_of_different_architectures(images_and_labels):
    images, labels = images_and_labels
    small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
    members = [
        resnet.build_resnet(small, (8, 8, 1), 3, "ST"),
        keras.Sequential(
            [keras.layers.Flatten(), keras.layers.Dense(3)], name="unbuilt"
        ),
        linear("linear"),
    ]
    model = compiled(models.EnsembleModel(members, "CE", 0.1))
    history = fit(model, (images, labels), epochs=1).history
    assert {"ST_error", "unbuilt_error", "linear_error"} < set(history)
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"run_eagerly": True},  # tracing takes the most time
        *(
            pytest.param({"jit_compile": j}, marks=pytest.mark.slow)
            for j in (False, True)
        ),
    ],
    ids=str,
)
def test_every_variable_of_the_paper_ensemble_learns(options, images_and_labels):
    members = [
        resnet.build_resnet(resnet.PRESETS[name], (8, 8, 1), 3, name, seed=1)
        for name in ("ST", "M")
    ]
    model = compiled(models.EnsembleModel(members), **options)
    before = weights(model)
    fit(model, images_and_labels, epochs=1)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert np.any(old != np.asarray(variable)), variable.path


@pytest.mark.slow
@pytest.mark.eager(False)
def test_xla_computes_the_same(images_and_labels):
    histories = [
        fit(compiled(ensemble("CE"), jit_compile=jit), images_and_labels).history
        for jit in (False, True)
    ]
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)


def cost_of(model, *data):
    return model.train_on_batch(*data, return_dict=True)


@pytest.mark.eager(False)
def test_alpha_follows_its_schedule(images_and_labels):
    images, labels = images_and_labels
    model = ensemble(alpha=0.4, schedule="ramp_up:0.5", steps=8)
    compiled(model, optimizer=keras.optimizers.SGD(0.0))
    history = [cost_of(model, images, labels) for _ in range(8)]
    steps = [0.4 * min(1, step / 4) for step in range(8)]
    assert [h["alpha"] for h in history] == pytest.approx(steps, abs=1e-6)
    plain = cost_of(compiled(ensemble(alpha=0)), images, labels)
    assert history[0]["loss"] == pytest.approx(plain["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: models.EnsembleModel([linear("a")]), "at least 2 members, got 1"),
        (lambda: models.EnsembleModel(linear("a")), "at least 2 members, got 1"),
        (
            lambda: models.EnsembleModel([linear("a"), linear("a")]),
            r"different names.*\['a', 'a'\]",
        ),
        (
            lambda: models.EnsembleModel([linear("a"), linear("ensemble")]),
            "none of them 'ensemble'",
        ),
        (
            lambda: models.EnsembleModel([linear("a"), linear("val_a")]),
            "must be without / and not begin with val_",
        ),
        (lambda: ensemble("L3"), "method must be one of CE, L2, L1"),
        (lambda: ensemble(pull=(1, 1, 0)), "a number for each of 2 members, got 3"),
        (lambda: ensemble(schedule="cosine"), "a schedule of alpha needs steps"),
        (lambda: ensemble(unlabeled="some"), "None or one of mixed, separate"),
        (
            lambda: ensemble(unlabeled_weight=-1),
            "unlabeled_weight must be a finite number >= 0",
        ),
        (lambda: ensemble(alpha=-1), "alpha must be a finite number >= 0, got -1"),
        (lambda: ensemble(alpha=float("nan")), "got nan"),
        (lambda: ensemble(alpha=float("inf")), "got inf"),
        (lambda: ensemble(alpha=None), "alpha must be a finite number.*got None"),
        (lambda: ensemble(alpha="0.1"), "alpha must be a finite number.*got '0.1'"),
        (lambda: ensemble(pull=0.5), "pull must be numbers >= 0.*got 0.5"),
        (lambda: ensemble(pull="ab"), "pull must be numbers >= 0.*got 'ab'"),
        (lambda: ensemble(temperature="2"), "temperature must be above 0, got '2'"),
        (lambda: ensemble(class_weight=2), "each of 3 classes, from 0 on, got 2"),
        (
            lambda: ensemble(class_weight="balanced"),
            "each of 3 classes, from 0 on, got 'balanced'",
        ),
        (
            lambda: ensemble(weight_decay=-1),
            "weight_decay must be a finite number >= 0, got -1",
        ),
        (lambda: ensemble(average="votes"), "'logits' or 'probabilities', got 'votes'"),
        (
            lambda: models.EnsembleModel([linear("a"), linear("b", classes=4)]),
            r"logits of one shape.*'a': \(None, 3\), 'b': \(None, 4\)",
        ),
        (
            lambda: models.EnsembleModel(
                [linear("a"), linear("b", activation="softmax")]
            ),
            "outputs of member 'b' are probabilities",
        ),
    ],
)
def test_models_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_loss_of_its_own_is_refused():
    with pytest.raises(ValueError, match="compile it without loss"):
        compiled(ensemble(), loss="sparse_categorical_crossentropy")
