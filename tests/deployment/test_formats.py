import keras
import numpy as np
import pytest
from collaborative.models import SingleModel
from collaborative.resnet import ResNetConfig, build_resnet

from collaborative import datasets
from collaborative.deployment import formats, plain_models, runtimes
from collaborative.system import processor


def digits(count):
    return datasets.load("digits").test.images[:count]


def need_packages(form):
    try:
        formats.check_packages(form)
    except formats.MissingPackage as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize(
    "form, tolerance",
    [("keras", 1e-5), ("saved_model", 1e-5), ("litert", 1e-4), ("onnx", 1e-4)],
)
def test_formats_give_the_same_answers(form, tolerance, tmp_path):
    need_packages(form)
    member = build_resnet(ResNetConfig(2, 1, 4), (8, 8, 1), 3, "small", seed=1)
    plain = plain_models.plain_model(SingleModel(member), "small")
    path = tmp_path / formats.FILES[form]
    formats.write(plain, path, form)
    function = runtimes.load(form, path)
    for count in (1, 5):  # any number of images at once
        images = digits(count).astype(np.float32)
        assert np.ptp(plain(images)) > 0.1
        np.testing.assert_allclose(function(images), plain(images), atol=tolerance)


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_int8_is_smaller_and_near(form, tmp_path):
    need_packages(form)
    he = keras.initializers.HeNormal
    big = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(32, 3, kernel_initializer=he(1)),
            keras.layers.Conv2D(64, 3, kernel_initializer=he(2)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, kernel_initializer=he(3)),
        ],
        name="big",
    )
    formats.write(big, tmp_path / "float", form)
    formats.write(big, tmp_path / "int8", form, "int8", digits(50))
    sizes = [(tmp_path / kind).stat().st_size for kind in ("float", "int8")]
    assert sizes[1] < 0.5 * sizes[0]
    images = digits(20).astype(np.float32)
    near, exact = runtimes.load(form, tmp_path / "int8")(images), np.array(big(images))
    assert near.dtype == np.float32
    difference = np.abs(near - exact).max()
    # ONNX Runtime's products saturate in 16 bits where the processor has no VNNI.
    has_vnni = any("vnni" in flag for flag in processor.flags())
    saturates = form == "onnx" and processor.is_x86() and not has_vnni
    limit = 0.09 if saturates else 0.05  # seen: 0.088
    assert 0 < difference < limit * np.abs(exact).max()


def test_what_cannot_be_written_is_said_in_one_line(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    with pytest.raises(formats.ConversionFailed, match=r"sequential.* as keras: "):
        formats.write(model, tmp_path / "gone" / "model.keras", "keras")
