"""What a card says of boards, phones and processors."""

import pytest

from collaborative.deployment import card_places

MOVED = {"images": 32, "largest_difference": 0.25, "changed_answers": 1}


def said(form, quantize=None, batch=None, is_whole=True, **verification):
    metadata = {
        "format": form,
        "quantize": quantize,
        "batch": batch,
        "bytes": 62_600,
        "footprint": {
            "multiply_adds": 332_608,
            "is_whole": is_whole,
            "activations": 2048,
        },
        "verification": verification,
    }
    return list(card_places.sentences(metadata))


@pytest.mark.parametrize("quantize, kilobytes", [(None, "8.2"), ("int8", "2.0")])
def test_an_estimate_is_called_one(quantize, kilobytes):
    (needs,) = said("onnx", quantize)
    assert "Flash: 62.6 kB, the file." in needs
    assert f"about {kilobytes} kB for activations, an estimate, and what" in needs
    assert "Operations: 332,608 multiply-adds an image." in needs


def test_images_at_once_take_room_at_once():
    (needs,) = said("onnx", batch=100)
    assert "RAM: about 819.2 kB for activations of 100 images, an estimate" in needs
    assert said("onnx", batch=1) == said("onnx")


def test_what_was_not_counted_is_said():
    (needs,) = said("onnx", is_whole=False)
    assert needs.endswith(
        "332,608 multiply-adds an image, and those within loops, such as a recurrent "
        "layer's, which are not counted."
    )


def test_what_was_measured_takes_its_place():
    needs, micro = said("litert", micro=MOVED | {"arena_bytes": 17_360})
    assert "17.4 kB of arena, measured" in needs and "estimate" not in needs
    assert "on 32 test images one by one: outputs differ" in micro
    assert "by 2.5e-01 at most, and 1 answers" in micro


def test_what_microcontrollers_do_not_run():
    needs, micro = said("litert", micro={"refused": "no TOPK_V2"})
    assert "an estimate" in needs
    assert micro == "LiteRT for Microcontrollers did not run it: no TOPK_V2."


@pytest.mark.parametrize(
    "form, kernels", [("litert", "XNNPACK kernels"), ("onnx", "ONNX Runtime's kernels")]
)
def test_int8_names_kernels_and_processor(form, kernels):
    _, text = said(form, "int8", processor="a processor, 2 cores")
    assert kernels in text and "on this processor: a processor, 2 cores." in text
    assert "Cortex-A72" in text and "Check its answers where it is to run." in text
    assert ("0.48" if form == "litert" else "0.28") in text
    assert len(said(form, processor="a processor, 2 cores")) == 1


@pytest.mark.parametrize(
    "quantize, weights", [(None, "float32"), ("float16", "float16")]
)
def test_openvino_with_and_without_bfloat16(quantize, weights):
    _, without = said("openvino", quantize)
    assert f"Its weights are {weights} " in without
    assert without.endswith("this one has none, so what that changes was not tried.")
    _, tried = said("openvino", quantize, bfloat16=MOVED)
    assert "of 32 test images the outputs then differ" in tried
    assert tried.endswith("by 2.5e-01 at most, and 1 answers.")


@pytest.mark.parametrize("quantize, bits", [(None, 32), ("float16", 16)])
def test_core_ml_takes_pictures(quantize, bits):
    _, text = said("coreml", quantize)
    assert f"It computes with fractions of {bits} bits." in text
