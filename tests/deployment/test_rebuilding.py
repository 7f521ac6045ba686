import keras
import numpy as np
import pytest
from collaborative.models import EnsembleModel, SingleModel
from keras import layers

from collaborative import models
from collaborative.deployment import formats, plain_models, runtimes
from collaborative.nn import fast_paths

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)


def sequential(*first, dtype=None, name="a"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), dtype=dtype),
            *first,
            layers.Flatten(),
            layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=1)),
        ],
        name=name,
    )


def adapted(layer):
    layer.adapt(PICTURES.astype(np.float32))
    return layer


def with_moments(*first):
    """A member whose batch moments (and the like) are of the pictures."""
    member = sequential(*first)
    member(PICTURES.astype(np.float32), training=True)
    return member


def quantized(mode):
    member = sequential(layers.Rescaling(1 / 255))
    member.quantize(mode)
    return member


MEMBERS = {
    "Normalization": lambda: sequential(adapted(layers.Normalization())),
    "of all pixels": lambda: sequential(adapted(layers.Normalization(axis=None))),
    "of each pixel": lambda: sequential(adapted(layers.Normalization(axis=(1, 2, 3)))),
    "inverted": lambda: sequential(adapted(layers.Normalization(invert=True))),
    "of given numbers": lambda: sequential(
        layers.Normalization(axis=None, mean=100.0, variance=400.0)
    ),
    "nested": lambda: sequential(sequential(adapted(layers.Normalization(axis=None)))),
    "Discretization": lambda: sequential(adapted(layers.Discretization(num_bins=5))),
    "SpectralNormalization": lambda: with_moments(
        layers.SpectralNormalization(layers.Conv2D(2, 3))
    ),
    "in a wrapper": lambda: with_moments(
        layers.Reshape((2, 4, 8, 1)),
        layers.TimeDistributed(fast_paths.FusedBatchNormalization()),
    ),
    "synchronized": lambda: with_moments(layers.BatchNormalization(synchronized=True)),
    "augmentation": lambda: sequential(layers.RandomFlip(), layers.RandomRotation(0.5)),
    "int8": lambda: quantized("int8"),
    "int4": lambda: quantized("int4"),
    "float8": lambda: quantized("float8"),
    "uint8": lambda: sequential(layers.Rescaling(1 / 255), dtype="uint8"),
    "float16": lambda: sequential(layers.Rescaling(1 / 255), dtype="float16"),
    "int32": lambda: sequential(layers.Rescaling(1 / 255), dtype="int32"),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_state_is_copied(kind, tmp_path):
    member = MEMBERS[kind]()
    plain = plain_models.plain_model(SingleModel(member), "a")
    wanted = np.array(member(PICTURES.astype(member.inputs[0].dtype), training=False))
    assert np.ptp(wanted) > 0.1 and plain.inputs[0].dtype == "float32"
    images = PICTURES.astype(np.float32)
    np.testing.assert_allclose(plain(images), wanted, rtol=1e-3, atol=1e-3)
    plain.save(tmp_path / "plain.keras")
    loaded = keras.models.load_model(tmp_path / "plain.keras")
    np.testing.assert_allclose(loaded(images), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["of all pixels", "inverted", "augmentation", "uint8"])
@pytest.mark.parametrize("form", ["saved_model", "litert", "onnx"])
def test_artifacts_have_the_state(kind, form, tmp_path):
    try:
        formats.check_packages(form, writing=True)
    except formats.MissingPackage as missing:
        pytest.skip(str(missing))
    plain = plain_models.plain_model(SingleModel(MEMBERS[kind]()), "a")
    formats.write(plain, tmp_path / "artifact", form)
    function = runtimes.load(form, tmp_path / "artifact")  # of one input
    images = PICTURES.astype(np.float32)
    wanted = np.array(plain(images))
    np.testing.assert_allclose(function(images), wanted, rtol=1e-4, atol=1e-4)


def test_inner_layers_compute_in_float32():
    member = sequential(
        layers.TimeDistributed(layers.Dense(4, dtype="mixed_bfloat16")),
        layers.Conv2D(2, 3, dtype="mixed_float16"),
        layers.Activation("linear", dtype="float32"),
    )
    member.compile(loss=lambda y, p: 0.0)
    plain = plain_models.plain_model(SingleModel(member), "a")
    for layer in plain._flatten_layers():
        assert layer.dtype_policy.name == "float32"


def test_a_policy_of_all_does_not_reach_the_plain_model():
    before = keras.config.dtype_policy()
    members = [sequential(name=name) for name in ("a", "b")]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        plain = plain_models.plain_model(EnsembleModel(members), "ensemble", True)
    finally:
        keras.config.set_dtype_policy(before)
    computing = [
        layer.compute_dtype
        for layer in plain._flatten_layers()
        if not isinstance(layer, (keras.Model, layers.InputLayer))
    ]
    assert len(computing) == 6 and set(computing) == {"float32"}


def test_layers_that_only_their_file_knows():
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    def cube(x):
        return x**3

    member = sequential(Twice())
    x = np.ones((2, 8, 8, 1), np.float32)
    plain = plain_models.plain_model(SingleModel(member), "a")
    np.testing.assert_allclose(plain(x), member(x), rtol=1e-5)
    for layer, reason in (
        (layers.Activation(cube), "cube"),
        (layers.Lambda(lambda x: 2 * x), r"Python code of its own \(a Lambda"),
    ):
        with pytest.raises(models.UnusableModel, match=reason) as refused:
            plain_models.plain_model(SingleModel(sequential(layer)), "a")
        assert len(str(refused.value)) < 300 and "\n" not in str(refused.value)


class Forgetful(layers.Layer):
    """Keeps a number that it does not save."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return super().get_config()


class Noisy(layers.Layer):
    def call(self, x):
        return x + keras.random.normal((1,), stddev=99.0)


def test_what_computes_something_else_is_refused():
    for layer in (Forgetful(2.0), Noisy()):
        with pytest.raises(models.UnusableModel, match="its outputs differ"):
            plain_models.plain_model(SingleModel(sequential(layer)), "a")


def test_it_is_compared_on_given_inputs():
    model = SingleModel(sequential(layers.Reshape((8, 8)), Forgetful(2.0)))
    zeros = np.zeros((2, 8, 8, 1), np.float32)
    assert plain_models.plain_model(model, "a", inputs=zeros)  # all the same then
    with pytest.raises(
        models.UnusableModel,
        match=r"compared .* on these inputs: Inv",
    ):
        plain_models.plain_model(model, "a", inputs=zeros[..., 0, 0])


def several(kind, name, swapped=False):
    inputs = {"x": keras.Input((4,), name="x"), "y": keras.Input((4,), name="y")}
    one, two = inputs.values()
    difference = layers.Subtract()([two, one] if swapped else [one, two])
    given = inputs if kind is dict else [one, two]
    return keras.Model(given, layers.Dense(3)(difference), name=name)


@pytest.mark.parametrize("kind", [dict, list])
def test_members_of_several_inputs(kind, tmp_path):
    members = [several(kind, "a"), several(kind, "b", swapped=True)]
    x, y = RNG.normal(size=(2, 5, 4)).astype(np.float32)
    given = {"x": x, "y": y} if kind is dict else [x, y]
    ensemble = EnsembleModel(members)
    wanted = [np.array(member(given)) for member in members]
    for name, logits in zip("ab", wanted, strict=True):
        plain = plain_models.plain_model(ensemble, name)
        np.testing.assert_allclose(plain(given), logits, atol=1e-5)
    plain = plain_models.plain_model(ensemble, "ensemble")
    plain.save(tmp_path / "plain.keras")
    loaded = keras.models.load_model(tmp_path / "plain.keras")
    np.testing.assert_allclose(loaded(given), sum(wanted) / 2, atol=1e-5)
    with pytest.raises(formats.ConversionFailed, match="takes 2 inputs"):
        formats.write(plain, tmp_path / "model.onnx", "onnx")


def test_members_of_different_inputs_stay_apart():
    ensemble = EnsembleModel(
        [sequential(dtype="uint8"), sequential(name="b", dtype="float32")]
    )
    assert plain_models.plain_model(ensemble, "a")
    with pytest.raises(models.UnusableModel, match=r"uint8 .*float32"):
        plain_models.plain_model(ensemble, "ensemble")


def test_names_that_are_ours():
    names = ("images", "logits", "average")
    ensemble = EnsembleModel([sequential(name=name) for name in names])
    assert plain_models.plain_model(ensemble, "ensemble", softmax=True)
    own = keras.Sequential(
        [keras.Input((4,), name="images"), layers.Dense(3, name="probabilities")],
        name="a",
    )
    assert plain_models.plain_model(SingleModel(own), "a", softmax=True)
