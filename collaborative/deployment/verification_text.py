"""What is said of the check of an exported artifact, in sentences and in short."""

from __future__ import annotations

from collaborative.deployment import runtimes

KINDS = ("int8", "float16")


def short(verification):
    """The check in a cell of a table."""
    if not verification["images"]:
        return "not run here"
    kind = _kind(verification)
    if kind:
        errors = (verification[f"{name}_error"] for name in ("float32", kind))
        found = "error {:.2f} -> {:.2f} %".format(*(100 * error for error in errors))
        return ", ".join(filter(None, (found, verification.get("verdict"))))
    return f"differs by {verification['largest_difference']:.1e}"


def sentences(verification):
    """The check as a card has it: on what, what was found, how fast."""
    if "structure" in verification:
        found = verification["structure"]
        height, width, channels = found["picture"]
        return (
            "Core ML runs on Apple's systems only, so its predictions were not "
            "checked. Checked was what the package says of itself: it takes pictures "
            f"of {height}x{width} with {channels} channel{'s' * (channels > 1)}, has "
            f"the {len(found['labels'])} classes' labels in order, and "
            f"{found['weights']:,} weights in its kernels and tables."
        )
    if not verification["images"]:
        return (
            "The page was not run where it was made, since Node is not installed "
            "there: that its outputs are the network's was not checked."
        )
    latency = verification["latency_ms"]
    kind = _kind(verification)
    if kind:
        found = (
            f"it misclassifies {100 * verification[f'{kind}_error']:.2f} % of them, "
            f"and the float32 network {100 * verification['float32_error']:.2f} %"
            f"{_judgement(verification)}{_parity(verification)}"
        )
    else:
        found = (
            "its outputs differ from the network's by "
            f"{verification['largest_difference']:.1e} at most"
        )
    return (
        f"The artifact was run on {verification['images']:,} test images in a process "
        f"without the code that trained it: {found}. Milliseconds an image (cores: "
        f"{latency['cores']}): {latency['alone']:.3f} alone, {latency['batch']:.3f} in "
        f"a batch of {runtimes.BATCH} at most.{_beside_float32(verification)}"
    )


def _judgement(verification):
    """What the paired test says, see `verification.judge`."""
    conclusion = {
        "no loss": "no loss",
        "open loss": "a loss that so few images leave open",
        "clear loss": f"a clear loss, of which {verification['tolerance']} points of "
        "error were allowed",
    }[verification["verdict"]]
    return (
        f". Of them {verification['lost']} only the float32 network gets right and "
        f"{verification['gained']} only the artifact, p = {verification['p_value']:.2g}"
        f" in the exact McNemar test, one-sided: {conclusion}"
    )


def _beside_float32(verification):
    """How fast it is beside float32 in the same format; "" for float32."""
    if "float32_latency_ms" not in verification:
        return ""
    low, float32 = verification["latency_ms"], verification["float32_latency_ms"]
    times = " and ".join(f"{low[k] / float32[k]:.2f}" for k in ("alone", "batch"))
    text = (
        f" In float32 the same format takes {float32['alone']:.3f} and "
        f"{float32['batch']:.3f}: {_kind(verification)} takes {times} times as long "
        "on this machine"
    )
    others = [
        f"{kind} ones took {milliseconds:.3f} in a batch"
        for kind, milliseconds in verification["batch_ms"].items()
        if kind != verification["activations"]
    ]
    chosen = f", with {verification['activations']} activations" if others else ""
    return "; ".join([text + chosen, *others]) + "."


def _kind(verification):
    """The low precision that was judged, or None for float32."""
    return next((kind for kind in KINDS if f"{kind}_error" in verification), None)


def _parity(verification):
    if "largest_difference" not in verification:  # an export of before
        return ""
    return (
        "; its outputs differ from the float32 network's by "
        f"{verification['largest_difference']:.1e} at most"
    )
