"""OpenVINO, Core ML, a fixed batch, and the head of a card."""

import keras
import numpy as np
import pytest
import small_models
from collaborative.models import SingleModel
from keras import layers as kl

from collaborative import resnet
from collaborative.deployment import (
    core_ml,
    footprint,
    formats,
    hub,
    plain_models,
    verification,
)
from collaborative.deployment import runtimes as runtimes_of
from collaborative.deployment.verification import VerificationFailed

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.float32)
NAMES = ("a", "b", "b")


@pytest.fixture(scope="module")
def plain():
    return plain_models.plain_model(SingleModel(small_models.linear("a")), "a")


@pytest.mark.parametrize("form", formats.WITH_BATCH)
@pytest.mark.parametrize("batch", [None, 2])
def test_a_fixed_batch_takes_any_number_of_images(form, batch, plain, tmp_path):
    try:
        formats.check_packages(form, writing=True)
    except formats.MissingPackage as missing:
        pytest.skip(str(missing))
    path = tmp_path / formats.FILES[form]
    formats.write(plain, path, form, batch=batch)
    assert runtimes_of.described(form, path)[0] == (batch, 8, 8, 1)
    outputs = runtimes_of.load(form, path)(IMAGES)
    np.testing.assert_allclose(outputs, plain(IMAGES), atol=1e-5)


def test_core_ml_s_package_says_what_the_network_is(plain, tmp_path):
    pytest.importorskip("coremltools")
    path = tmp_path / "model.mlpackage"
    formats.write(plain, path, "coreml", class_names=NAMES)
    found = core_ml.check(path, plain, NAMES)["structure"]
    assert found["picture"] == [8, 8, 1]
    assert found["labels"] == ["a", "b (1)", "b (2)"] and found["weights"] >= 192
    with pytest.raises(VerificationFailed, match="its labels should be"):
        core_ml.check(path, plain, ("b", "a", "c"))


def test_without_bfloat16_openvino_is_not_tried_in_it(monkeypatch):
    monkeypatch.setattr(runtimes_of, "has_bfloat16", lambda: False)
    assert verification.in_bfloat16("gone.xml", None, IMAGES) == {}


def test_openvino_in_bfloat16(plain, tmp_path, monkeypatch):
    """A processor without it computes in float32 whatever it is told, or emulates."""
    pytest.importorskip("openvino")
    assert runtimes_of.has_bfloat16() in (True, False)
    monkeypatch.setattr(runtimes_of, "has_bfloat16", lambda: True)
    path = tmp_path / "model.xml"
    expected = verification.outputs_of(plain)
    with pytest.raises(VerificationFailed, match="openvino_bf16 cannot be run"):
        verification.in_bfloat16(path, expected, IMAGES)
    formats.write(plain, path, "openvino")
    found = verification.in_bfloat16(path, expected, IMAGES)["bfloat16"]
    assert found["images"] == 5
    assert found["largest_difference"] < 0.1 * np.abs(expected(IMAGES)).max()


@pytest.mark.parametrize(
    "tensors, room",
    [
        ([(5, 0, 1)], 5),
        ([(5, 0, 1), (3, 1, 2)], 8),
        ([(5, 0, 1), (3, 1, 2), (5, 2, 3)], 8),  # where the first was
        # Three of these are alive at once; the last is placed first, so that the
        # first, which all but the last overlap, finds no gap.
        ([(1, 0, 3), (1, 1, 2), (1, 2, 3), (1, 3, 5), (1, 4, 5)], 3),
    ],
)
def test_room_for_tensors(tensors, room):
    assert footprint._room(tensors) == room


def test_st_needs_room_for_four_tensors():
    """As LiteRT for Microcontrollers measures it: 8,192 bytes in float32."""
    st = resnet.build_resnet(resnet.PRESETS["ST"], (8, 8, 1), 10, "ST")
    plain = plain_models.plain_model(SingleModel(st), "ST")
    counted = footprint.footprint(plain)
    assert counted == {
        "multiply_adds": 332_608,
        "is_whole": True,
        "activations": 4 * 8 * 8 * 8,
    }


def test_products_are_counted(plain):
    assert footprint.footprint(plain)["multiply_adds"] == 64 * 3


@pytest.mark.parametrize(
    "layer, shape, products, is_whole",
    [
        (kl.Conv2D(6, 3, groups=3, use_bias=False), (8, 8, 3), 36 * 6 * 9, True),
        (kl.DepthwiseConv2D(3), (8, 8, 3), 36 * 3 * 9, True),
        (kl.Conv2DTranspose(5, 3, strides=2), (8, 8, 3), 64 * 3 * 9 * 5, True),
        (kl.Conv3D(4, 2), (8, 8, 3, 2), 7 * 7 * 2 * 4 * 2**3 * 2, True),
        (kl.EinsumDense("abc,cd->abd", (None, 5)), (8, 3), 8 * 3 * 5, True),
        (kl.EinsumDense("...c,cd->...d", 5), (8, 3), 8 * 3 * 5, True),
        (kl.Conv3DTranspose(4, 2), (8, 8, 3, 2), 8 * 8 * 3 * 2 * 2**3 * 4, True),
        (kl.Dense(5), (8, 3), 8 * 3 * 5, True),
        (kl.LSTM(4), (8, 3), 3 * 16, False),  # of the step that is traced
    ],
)
def test_products_of_layers(layer, shape, products, is_whole):
    inputs = keras.Input(shape)
    counted = footprint.footprint(keras.Model(inputs, layer(inputs)))
    assert counted["multiply_adds"] == products
    assert counted["is_whole"] == is_whole


def test_products_of_attention():
    """Four projections of 6 places, and each place with each, in two heads of 4."""
    inputs = keras.Input((6, 3))
    attention = kl.MultiHeadAttention(2, 4)(inputs, inputs)
    counted = footprint.footprint(keras.Model(inputs, attention))
    assert counted["multiply_adds"] == 4 * 6 * 3 * 8 + 2 * (6 * 6 * 8)


@pytest.mark.parametrize(
    "form, library",
    [("keras", "keras"), ("saved_model", "tensorflow"), ("web", None)],
)
def test_the_head_is_one_that_the_hub_reads(form, library):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    metadata = {
        "format": form,
        "member": "ST",
        "quantize": None,
        "license": "mit",
        "verification": {},
        "scores": {"test_error": 0.05},
        "run": {"config": {"dataset": "mnist"}, "data": {"test": 1000}},
    }
    card = huggingface_hub.ModelCard(hub.head(metadata) + "# ST\n")
    assert card.data.library_name == library and card.data.license == "mit"
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("accuracy", 0.95)
    assert "0.9347 to 0.9619" in result.metric_name  # Wilson's for 950 of 1,000
