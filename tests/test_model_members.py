"""Members of an ensemble one by one: by name, their predictions, their weights."""

import numpy as np
import pytest
from small_models import compiled, ensemble, fit, linear

from collaborative import models
from collaborative.nn.members import UnknownMember


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


def test_errors_and_costs_of_the_members_are_among_the_results(images_and_labels):
    model = compiled(ensemble())
    fit(model, images_and_labels)
    together = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    for name in "ab":
        alone = compiled(models.SingleModel(model[name]))
        alone = alone.evaluate(*images_and_labels, verbose=0, return_dict=True)
        for statistic in (f"{name}_error", f"{name}_cost"):
            assert together[statistic] == pytest.approx(alone[statistic])
