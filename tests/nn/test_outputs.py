import keras
import numpy as np
import pytest
from keras import layers

from collaborative.nn import outputs


def sequential(*last, classes=4, shape=(8, 8, 1), dtype=None, **kwargs):
    return keras.Sequential(
        [
            keras.Input(shape, dtype=dtype),
            layers.Flatten(),
            layers.Dense(classes, **kwargs),
            *last,
        ]
    )


def functional(operation, classes=4):
    inputs = keras.Input((8, 8, 1))
    logits = layers.Dense(classes)(layers.Flatten()(inputs))
    return keras.Model(inputs, operation(logits))


def nested(*last, **kwargs):
    return keras.Sequential([keras.Input((8, 8, 1)), sequential(*last, **kwargs)])


PROBABILITIES = {
    "activation of the map": lambda: sequential(activation="softmax"),
    "Activation": lambda: sequential(layers.Activation("softmax")),
    "Softmax": lambda: sequential(layers.Softmax()),
    "nested": lambda: nested(activation="softmax"),
    "operation": lambda: functional(keras.ops.softmax),
    "Lambda": lambda: sequential(layers.Lambda(lambda g: keras.ops.softmax(g))),
    "softmax and dropout": lambda: sequential(layers.Softmax(), layers.Dropout(0.5)),
    "float32 after bfloat16": lambda: sequential(
        layers.Softmax(dtype="bfloat16"), layers.Activation("linear", dtype="float32")
    ),
    "mean of two": lambda: functional(
        lambda g: (keras.ops.softmax(g) + keras.ops.softmax(-g)) / 2
    ),
    "p and 1 - p": lambda: functional(
        lambda g: keras.ops.concatenate(
            [keras.ops.sigmoid(g), 1 - keras.ops.sigmoid(g)], axis=1
        ),
        classes=1,
    ),
    "untrained": lambda: sequential(activation="softmax", kernel_initializer="zeros"),
    "uint8": lambda: sequential(activation="softmax", dtype="uint8"),
    "any size": lambda: keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    ),
    "words": lambda: keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(2, 3),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    ),
}
LOGITS = {
    "a linear map": lambda: sequential(),
    "nested": lambda: nested(),
    "log-probabilities": lambda: functional(keras.ops.log_softmax),
    "all 0": lambda: sequential(layers.ReLU(), kernel_initializer="zeros"),
    # In 0..1 for these weights only.
    "all 0.3": lambda: sequential(
        layers.Activation("linear"),
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.3),
    ),
    "small": lambda: sequential(
        layers.ReLU(),
        kernel_initializer=keras.initializers.RandomUniform(0, 1e-6, seed=0),
    ),
    # Which sum to 1 for these weights only.
    "all 1/4": lambda: sequential(
        layers.Activation("linear"),
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.25),
    ),
    "unit vectors": lambda: sequential(layers.UnitNormalization()),
}
OTHERS = {
    "sigmoid": lambda: sequential(classes=1, activation="sigmoid"),
    "one unit": lambda: sequential(classes=1),
    "multi-label": lambda: sequential(activation="sigmoid"),
    "other": lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3)]),
}


@pytest.mark.parametrize("form", PROBABILITIES)
def test_a_softmax_in_any_form(form):
    assert outputs.kind_of_outputs(PROBABILITIES[form]()) == "probabilities"


@pytest.mark.parametrize("form", LOGITS)
def test_logits_in_any_form(form):
    assert outputs.kind_of_outputs(LOGITS[form]()) == "logits"


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_neither(kind):
    assert outputs.kind_of_outputs(OTHERS[kind]()) == kind
    assert kind in outputs.DESCRIPTIONS


def test_sigmoids_in_other_forms():
    for model, kind in (
        (functional(keras.ops.sigmoid, 1), "sigmoid"),
        (functional(keras.ops.sigmoid, 4), "multi-label"),
        # 0.5 and 0.5 sum to 1, for these weights only.
        (sequential(classes=2, activation="sigmoid", kernel_initializer="zeros"),
         "multi-label"),
        (sequential(layers.Softmax(), classes=1), "one unit"),
        (functional(keras.ops.tanh, 1), "one unit"),
    ):  # fmt: skip
        assert outputs.kind_of_outputs(model) == kind


def test_several_outputs():
    inputs = keras.Input((8,))
    one, two = layers.Dense(3)(inputs), layers.Dense(3)(inputs)
    for several in ([one, two], {"a": one, "b": two}, {"a": one}):
        model = keras.Model(inputs, several)
        assert outputs.kind_of_outputs(model) == "other"


def test_several_inputs():
    inputs = {"a": keras.Input((8,), name="a"), "b": keras.Input((3,), name="b")}
    joined = layers.Concatenate()(list(inputs.values()))
    for given in (inputs, list(inputs.values())):
        model = keras.Model(given, layers.Dense(3, activation="softmax")(joined))
        assert outputs.kind_of_outputs(model) == "probabilities"


class Subclassed(keras.Model):
    def __init__(self, last):
        super().__init__()
        self.last, self.dense = last, layers.Dense(3)

    def call(self, x):
        return self.last(self.dense(x))


def test_a_subclass_is_told_by_its_inputs():
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    for last, kind in ((keras.ops.softmax, "probabilities"), (abs, "logits")):
        model = Subclassed(last)
        model(x)
        assert outputs.kind_of_outputs(model, x) == kind
        assert outputs.kind_of_outputs(model) == "logits"  # nothing says otherwise


def test_what_gives_nan_is_told_by_its_last_layer():
    for activation, kind in (
        (None, "logits"), ("softmax", "probabilities"), ("sigmoid", "multi-label"),
        ("tanh", "logits"),
    ):  # fmt: skip
        model = sequential(activation=activation)
        model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
        assert outputs.kind_of_outputs(model) == kind


def test_nothing_changes():
    model = sequential(
        layers.GaussianNoise(0.1, seed=1), layers.BatchNormalization(), layers.Softmax()
    )
    before = [variable.numpy() for variable in model.variables]
    outputs.kind_of_outputs(model)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
