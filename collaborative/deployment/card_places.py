"""What a card says of the places where an artifact runs: boards, phones, processors."""

from __future__ import annotations

# Bytes of an activation.
_WIDTHS = {"int8": 1}
# Of int8 by format: the kernels here, and how others' outputs differed; measured, see
# docs/export.md.
_KERNELS = {
    "litert": (
        "LiteRT's XNNPACK kernels",
        "gave an x86 processor's logits to the bit. Plain kernels, those of LiteRT for "
        "Microcontrollers, moved ST's logits by 0.48 at most and no answer, and with "
        "the matrix extension SME, emulated, most answers changed.",
    ),
    "onnx": (
        "ONNX Runtime's kernels",
        "moved an x86 processor's logits by 0.28 at most and no answer.",
    ),
}
_WITHIN = ", and those within loops, such as a recurrent layer's, which are not counted"
_OWN_MEMORY = (
    "LiteRT for Microcontrollers: 9.2 kB with ST, 16.0 with M, on a 64-bit computer"
)


def sentences(metadata):
    """Flash, memory and operations, and what was checked where, in sentences."""
    yield _needs(metadata)
    found = metadata["verification"]
    if "micro" in found:
        yield (_micro if "arena_bytes" in found["micro"] else _refused)(found["micro"])
    yield from _kernels(metadata, found)
    if metadata["format"] == "openvino":
        yield _openvino(metadata, found)
    if metadata["format"] == "coreml":
        kind = "16" if metadata["quantize"] else "32"
        yield (
            "In Core ML it takes a picture: levels 0..255 as they are (scale 1, bias "
            "0), and gives the label and the probabilities of all. It computes with "
            f"fractions of {kind} bits."
        )


def _needs(metadata):
    counted, found = metadata["footprint"], metadata["verification"]
    width, images = _WIDTHS.get(metadata["quantize"], 4), metadata.get("batch") or 1
    kilobytes = counted["activations"] * width * images / 1000
    at_once = f" of {images} images" if images > 1 else ""
    memory = (
        f"about {kilobytes:,.1f} kB for activations{at_once}, an estimate, and what "
        f"the runtime keeps for itself ({_OWN_MEMORY})"
    )
    arena = found.get("micro", {}).get("arena_bytes")
    if arena:
        memory = f"{arena / 1000:,.1f} kB of arena, measured on a 64-bit computer"
    return (
        f"Flash: {metadata['bytes'] / 1000:,.1f} kB, the file. RAM: {memory}. "
        f"Operations: {counted['multiply_adds']:,} multiply-adds an image"
        f"{'' if counted['is_whole'] else _WITHIN}."
    )


def _micro(found):
    return (
        "LiteRT for Microcontrollers ran it on the machine that wrote it, with its "
        f"reference kernels, on {found['images']} test images one by one: outputs "
        f"differ from LiteRT's by {found['largest_difference']:.1e} at most, and "
        f"{found['changed_answers']} answers. A board's own kernels were not tried."
    )


def _refused(found):
    return f"LiteRT for Microcontrollers did not run it: {found['refused']}."


def _kernels(metadata, found):
    """8-bit integers are rounded as a processor's kernels do it."""
    if metadata["quantize"] != "int8" or "processor" not in found:
        return
    kernels, elsewhere = _KERNELS[metadata["format"]]
    yield (
        f"int8 was checked with {kernels} on this processor: {found['processor']}. "
        "Other kernels may round otherwise. Of ST and M, on 200 images of digits, "
        f"those of an emulated Arm Cortex-A72 and A76 {elsewhere} Check its answers "
        "where it is to run."
    )


def _openvino(metadata, found):
    weights = "float16" if metadata["quantize"] else "float32"
    text = (
        f"Its weights are {weights} (OpenVINO's own saving halves them unless told "
        "otherwise). It was checked with INFERENCE_PRECISION_HINT=f32, as predict.py "
        "runs it. Without that hint OpenVINO computes in bfloat16 on processors that "
        "have it"
    )
    other = found.get("bfloat16")
    if not other:
        return f"{text}; this one has none, so what that changes was not tried."
    return (
        f"{text}: of {other['images']} test images the outputs then differ from "
        f"float32's by {other['largest_difference']:.1e} at most, and "
        f"{other['changed_answers']} answers."
    )
