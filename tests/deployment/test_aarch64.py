"""LiteRT and ONNX exports on an emulated aarch64 processor give the same answers.

Skipped unless AARCH64 names a directory that `benchmarks/aarch64.py DIR --set_up` made.
"""

import os

import pytest
from collaborative.models import SingleModel
from conftest import ROOT

from collaborative import datasets, resnet
from collaborative.deployment import plain_models, verification

DIRECTORY = os.environ.get("AARCH64")


@pytest.fixture
def aarch64(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import aarch64

    if not aarch64.is_there(DIRECTORY):
        pytest.skip("needs AARCH64, see benchmarks/aarch64.py")
    return aarch64


@pytest.mark.slow
def test_exports_answer_as_on_this_processor(aarch64):
    dataset = datasets.load("digits")
    network = resnet.build_resnet(resnet.PRESETS["ST"], (8, 8, 1), 10, "ST", seed=0)
    model = SingleModel(network)
    model.compile("adam", jit_compile=False)
    train = dataset.train
    model.fit(train.images, train.labels, batch_size=32, epochs=4, verbose=0)
    plain = plain_models.plain_model(model, "ST")
    found = aarch64.compared(DIRECTORY, plain, dataset)
    assert list(found) == list(aarch64.CASES)
    for (form, kind), processors in found.items():
        assert list(processors) == list(aarch64.PROCESSORS)
        for moved in processors.values():
            assert moved["images"] == aarch64.IMAGES
            if kind in ("int8", "uint8"):  # up to rounding
                assert moved["changed_answers"] <= 4, (form, kind, processors)
            else:
                assert moved["changed_answers"] == 0, (form, kind, processors)
                assert moved["largest_difference"] < 10 * verification.TOLERANCE
