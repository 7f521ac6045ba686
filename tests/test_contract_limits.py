"""The contract with Keras's users: larger models, weights of 0, and what is refused.

Each row of `REFUSED` is refused in one line that docs/own_data_and_networks.md repeats.
"""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from contract import ALPHA, KINDS, compiled, dense, examples, made

from collaborative import EnsembleModel, register

pytestmark = pytest.mark.eager
X, Y, WEIGHTS = examples()


def fresh(kind):
    """A compiled model of ours, untrained."""
    return compiled(made(kind, False), kind, False)


def larger(model):
    """A model of which another is a layer."""
    inputs = keras.Input((4,))
    logits = keras.layers.Dense(3, kernel_initializer="ones")(model(inputs))
    large = keras.Model(inputs, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    large.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    return large


@pytest.mark.eager(False)
def test_the_collaboration_cost_comes_along_into_a_larger_model():
    """The losses and the steps are those of what is written out by hand."""
    model = made("ensemble", False)
    model.weight_decay = 0.3
    large = larger(model)
    with tf.GradientTape() as tape:
        a, b = (member(X) for member in model.members)
        kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        added = ALPHA * tf.reduce_mean(tf.reduce_sum((a - b) ** 2, axis=1))
        added += 0.3 * sum(tf.nn.l2_loss(kernel) for kernel in kernels)
        cost = large.loss(Y, large.layers[-1]((a + b) / 2))
        total = cost + added
    gradients = tape.gradient(total, large.trainable_variables)
    before = [v.numpy() for v in large.trainable_variables]
    found = large.train_on_batch(X, Y)
    assert found == pytest.approx(float(total), rel=1e-5)
    for old, gradient, new in zip(before, gradients, large.get_weights(), strict=True):
        np.testing.assert_allclose(new, old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def test_what_is_added_for_a_larger_model_counts_once():
    """Not in the ensemble's own steps too, nor where it only predicts."""
    model, other = fresh("ensemble"), fresh("ensemble")
    model(X)
    assert model.losses == []
    model(X, training=True)
    assert len(model.losses) == 1
    losses = [one.train_on_batch(X, Y)[0] for one in (model, other)]
    assert losses[0] == losses[1]


def test_sample_weights_may_leave_the_collaboration_cost_alone():
    """In it all images count alike where `weighted` is False, and else by weight."""
    for weighted in (True, False):
        model = fresh("ensemble")
        model.weighted = weighted
        a, b = (np.asarray(member(X)) for member in model.members)
        apart = np.sum((a - b) ** 2, axis=1)
        wanted = np.mean(apart * WEIGHTS) if weighted else np.mean(apart)
        found = model.test_on_batch(X, Y, WEIGHTS, return_dict=True)
        assert found["collaboration_cost"] == pytest.approx(wanted, rel=1e-5)
        copied = EnsembleModel.from_config(model.get_config())
        assert copied.collaboration.weighted is weighted


def test_a_batch_of_weight_0_leaves_the_running_means():
    model = fresh("ensemble")
    model.optimizer.learning_rate = 0.0
    weights = np.concatenate([np.zeros(12), WEIGHTS[12:24], np.zeros(12)])
    history = model.fit(X, Y, 12, sample_weight=weights, shuffle=False, verbose=0)
    found = {name: values[0] for name, values in history.history.items()}
    assert found["a_cost"] > 0
    for name in ("a_error", "a_cost", "ensemble_cost"):
        assert found[f"{name}_running"] == pytest.approx(found[name], rel=1e-5)


def test_weights_leave_the_variables_of_a_checkpoint_as_they_were():
    """They are in it by their place."""
    model = fresh("ensemble")
    before = [v.path for v in model.variables]
    model.train_on_batch(X, Y, sample_weight=WEIGHTS)
    assert [v.path for v in model.variables] == before
    assert [v.name for v in model.statistics.variables] == ["total", "count", "running"]


def saves_hdf5(kind, model, folder):
    model.save(folder / "model.h5")


def saves_hdf5_by_the_function(kind, model, folder):
    keras.saving.save_model(model, folder / "model.hdf5")


def keeps_hdf5_in_fit(kind, model, folder):
    keeper = keras.callbacks.ModelCheckpoint(folder / "model.h5")
    model.fit(X, Y, verbose=0, callbacks=[keeper])


def compiles_with_a_loss(kind, model, folder):
    made(kind, False).compile("adam", "mse")


def gives_no_labels(kind, model, folder):
    model.evaluate(X, verbose=0)


def gives_a_label_that_is_no_class(kind, model, folder):
    model.evaluate(X, Y + 1, verbose=0)


HDF5 = "cannot hold a model with members: save it as .keras"
REFUSED = {
    saves_hdf5: HDF5,
    saves_hdf5_by_the_function: HDF5,
    keeps_hdf5_in_fit: HDF5,
    compiles_with_a_loss: "minimises its own cost: compile it without loss",
    gives_no_labels: "needs labels to be trained and measured",
    gives_a_label_that_is_no_class: "labels must be from 0 to",
}
WARNED = "its collaboration cost does not come along"
PAGE = " ".join((ROOT / "docs" / "own_data_and_networks.md").read_text().split())


@pytest.fixture(scope="module", params=KINDS)
def trained(request):
    """(kind, a model after one step), which what is refused must leave as it is."""
    model = fresh(request.param)
    model.train_on_batch(X, Y)
    return request.param, model


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.__name__)
def test_refused_in_one_line_that_the_page_repeats(row, trained, tmp_path):
    kind, model = trained
    iterations = int(model.optimizer.iterations)
    with pytest.raises(ValueError, match=re.escape(REFUSED[row])) as raised:
        row(kind, model, tmp_path)
    assert "\n" not in str(raised.value)
    assert REFUSED[row] in PAGE
    # Before any work, and nothing is lost of what there was.
    assert int(model.optimizer.iterations) == iterations
    assert "optimizer" in model.get_compile_config()


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"schedule": "cosine", "steps": 9}, "a schedule of alpha counts the steps"),
        ({"method": "labelled"}, "method labelled needs labels"),
    ],
)
def test_what_does_not_come_along_into_a_larger_model_is_said(
    settings, reason, registered
):
    @register("labelled", labels=True)
    def labelled(logits, labels, weights):
        return tf.zeros_like(logits[0, :, 0])

    model = EnsembleModel([dense("a"), dense("b")], **settings)
    with pytest.warns(UserWarning, match=f"{WARNED}: {reason}"):
        larger(model).train_on_batch(X, Y)
    assert WARNED in PAGE
