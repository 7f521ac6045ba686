"""Members that do not say what they give before they are called."""

import keras
import pytest
from small_models import compiled, fit, linear

from collaborative import models


class Subclassed(keras.Model):
    def __init__(self, activation):
        super().__init__(name="own")
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(3, activation)

    def call(self, x):
        return self.dense(self.flatten(x))


def later(activation):
    dense = keras.layers.Dense(3, activation)
    return keras.Sequential([keras.layers.Flatten(), dense], name="own")


@pytest.mark.parametrize("make", [Subclassed, later])
def test_probabilities_are_refused_when_they_are_seen(make, images_and_labels):
    model = compiled(models.EnsembleModel([linear("a"), make("softmax")]))
    with pytest.raises(ValueError, match="outputs of member 'own' are probabilities"):
        fit(model, images_and_labels)
    model = compiled(models.EnsembleModel([linear("a"), make(None)]))
    assert len(fit(model, images_and_labels).history["loss"]) == 1


def test_other_classes_are_refused_when_they_are_seen(images_and_labels):
    members = [keras.Sequential([keras.layers.Flatten()], name=name) for name in "ab"]
    for member, classes in zip(members, (3, 4), strict=True):
        member.add(keras.layers.Dense(classes))
    model = compiled(models.EnsembleModel(members))
    with pytest.raises(ValueError, match="logits of one shape") as caught:
        fit(model, images_and_labels)
    assert "'a': (32, 3), 'b': (32, 4)" in str(caught.value)
