"""OpenVINO, Core ML, a fixed batch, and the head of a card."""

import numpy as np
import pytest
import small_models
from collaborative.models import SingleModel

from collaborative.deployment import core_ml, footprint, formats, hub, plain_models
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


def test_products_are_counted(plain):
    assert footprint.footprint(plain)["multiply_adds"] == 64 * 3


def test_the_head_is_one_that_the_hub_reads():
    huggingface_hub = pytest.importorskip("huggingface_hub")
    metadata = {
        "format": "keras",
        "member": "ST",
        "quantize": None,
        "license": "mit",
        "verification": {},
        "scores": {"test_error": 0.05},
        "run": {"config": {"dataset": "mnist"}, "data": {"test": 1000}},
    }
    card = huggingface_hub.ModelCard(hub.head(metadata) + "# ST\n")
    assert card.data.library_name == "keras" and card.data.license == "mit"
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("accuracy", 0.95)
    assert "0.9347 to 0.9619" in result.metric_name  # Wilson's for 950 of 1,000
