"""Members of an ensemble one by one: by name, their predictions, their weights."""

import keras
import numpy as np
import pytest
from small_models import compiled, ensemble, fit, linear

from collaborative import models
from collaborative.nn.members import UnknownMember

pytestmark = pytest.mark.eager


def test_a_member_by_its_name():
    model = ensemble()
    assert model["b"] is model.members[1]
    assert models.SingleModel(linear("a"))["a"].name == "a"
    for unknown in ("ST", 0):
        with pytest.raises(UnknownMember) as caught:
            model[unknown]
        assert str(caught.value) == f"no member {unknown!r}: the members are a, b"
        assert isinstance(caught.value, KeyError)
    with pytest.raises(TypeError):
        list(model)


@pytest.mark.eager(False)
def test_predictions_of_the_members(images_and_labels):
    images, _ = images_and_labels
    model = compiled(ensemble())
    found = model.predict_members(images, batch_size=40, verbose=0)
    assert list(found) == ["a", "b"]
    for name, logits in found.items():
        np.testing.assert_allclose(logits, model[name](images), rtol=1e-5)
        assert (logits.shape, logits.dtype) == ((96, 3), np.float32)
    mean = (found["a"] + found["b"]) / 2
    np.testing.assert_allclose(model.predict(images, verbose=0), mean, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(images), mean, rtol=1e-5)
    everyone = model.predict_all(images, verbose=0)
    assert list(everyone) == ["a", "b", "ensemble"]
    np.testing.assert_allclose(everyone["ensemble"], mean, rtol=1e-5)


def test_errors_and_costs_of_the_members_are_among_the_results(images_and_labels):
    model = compiled(ensemble())
    fit(model, images_and_labels)
    together = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    for name in "ab":
        alone = compiled(models.SingleModel(model[name]))
        alone = alone.evaluate(*images_and_labels, verbose=0, return_dict=True)
        for statistic in (f"{name}_error", f"{name}_cost"):
            assert together[statistic] == pytest.approx(alone[statistic])


def kinds(order, seed):
    """An ensemble of two sequential members and a functional one, in an order."""
    members = {name: linear(name, seed=seed + i) for i, name in enumerate("abc")}
    inputs = keras.Input((8, 8, 1))
    members["c"] = keras.Model(inputs, linear("inner", seed=seed)(inputs), name="c")
    return models.EnsembleModel([members[name] for name in order])


@pytest.mark.parametrize("order", ["abc", "bac", "cba", "bca"])
@pytest.mark.parametrize("file", ["it.weights.h5", "it.keras", "it.weights.json"])
def test_weights_go_to_members_by_their_names(order, file, tmp_path, images_and_labels):
    saved, loaded = kinds("abc", seed=1), kinds(order, seed=5)
    if file.endswith(".keras"):
        saved.save(tmp_path / file)
    else:
        shards = {"max_shard_size": 1} if file.endswith("json") else {}
        saved.save_weights(tmp_path / file, **shards)
    loaded.load_weights(tmp_path / file)
    images, _ = images_and_labels
    for name in "abc":
        np.testing.assert_array_equal(loaded[name](images), saved[name](images))


def test_many_members_and_their_optimizer(tmp_path, images_and_labels):
    names = [f"m{i}" for i in range(12)]  # sequential_10 comes before sequential_2
    saved = models.EnsembleModel([linear(n, seed=i) for i, n in enumerate(names)])
    fit(compiled(saved), images_and_labels, epochs=1)
    saved.save_weights(tmp_path / "it.weights.h5")
    same = compiled(models.EnsembleModel([linear(n) for n in names]))
    turned = compiled(models.EnsembleModel([linear(n) for n in reversed(names)]))
    same.optimizer.build(same.trainable_variables)
    same.load_weights(tmp_path / "it.weights.h5")
    assert int(same.optimizer.iterations) == 3
    with pytest.warns(UserWarning, match="by name, and the optimizer starts anew"):
        turned.load_weights(tmp_path / "it.weights.h5")
    for name in names:
        for model in (same, turned):
            one, other = model[name].get_weights()[0], saved[name].get_weights()[0]
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "names, message",
    [
        ("ad", "holds weights of a, b, and the members here are a, d"),
        ("abc", "holds weights of a, b, and the members here are a, b, c"),
    ],
)
def test_weights_of_other_members_are_refused(names, message, tmp_path):
    ensemble().save_weights(tmp_path / "it.weights.h5")
    other = models.EnsembleModel([linear(name) for name in names])
    with pytest.raises(ValueError, match=message):
        other.load_weights(tmp_path / "it.weights.h5")


def test_weights_of_another_kind_of_member_are_refused(tmp_path):
    kinds("abc", seed=1).save_weights(tmp_path / "it.weights.h5")
    other = models.EnsembleModel([linear(name) for name in "abc"])
    with pytest.raises(ValueError, match="in another way: make the ensemble with its"):
        other.load_weights(tmp_path / "it.weights.h5")


class WithAScale(models.EnsembleModel):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), name="scale")
        super().build(input_shape)


def test_weights_of_an_ensemble_with_further_ones(tmp_path):
    saved, same, turned = (
        WithAScale([linear(name, seed=seed) for name in names])
        for seed, names in enumerate(("ab", "ab", "ba"))
    )
    saved.save_weights(tmp_path / "it.weights.h5")
    same.load_weights(tmp_path / "it.weights.h5")
    np.testing.assert_array_equal(same.scale, saved.scale)
    with pytest.raises(ValueError, match="with its members in the order a, b"):
        turned.load_weights(tmp_path / "it.weights.h5")


def test_a_loaded_model_has_its_members_as_they_were(tmp_path, images_and_labels):
    kinds("bca", seed=1).save(tmp_path / "it.keras")
    for load in (keras.models.load_model, models.load_model):
        assert [m.name for m in load(tmp_path / "it.keras").members] == list("bca")
