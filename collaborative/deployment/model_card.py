"""What is said of an exported artifact: `metadata.json` and `README.md`."""

from __future__ import annotations

import json
import pathlib
import textwrap

from collaborative.data import own_names, resizing
from collaborative.deployment import (
    card_places,
    card_training,
    footprint,
    hub,
    verification_text,
)
from collaborative.system import files, run_files

METADATA, CARD = run_files.METADATA, "README.md"


def describe(run, model, options, scores, verification, artifact):
    """All that is known of an artifact, as plain JSON values.

    Args:
        run: the `runs.run.FinishedRun` that it comes from, or the
            `model_source.ModelSource`.
        model: the plain `keras.Model` that was written.
        options: dict of member, format, softmax and quantize (None, "int8" or
            "float16"); where they are, batch (images at once, None: any), license and
            pictures (files of the directory); of a page `beside`, what else it shows,
            and `runtime`, the package that computes in it, with its version, or None.
        scores: what `runs.run.FinishedRun.test_scores` gives of the member.
        verification: what `verification` found.
        artifact: the file, or the directory of a saved model.
    """
    artifact = pathlib.Path(artifact)
    return {
        "file": artifact.name,
        **options,
        "outputs": "probabilities" if options["softmax"] else "logits",
        "class_names": list(run.class_names),
        "input": {
            "shape": [options.get("batch"), *model.input_shape[1:]],
            "dtype": "float32",
            "range": [0, 255],
            "resize": resizing.METHOD,
        },
        "parameters": model.count_params(),
        "footprint": footprint.footprint(model),
        "bytes": _size(artifact),
        "scores": scores,
        "verification": verification,
        "run": run.record,
    }


def write(directory, metadata):
    """Writes `metadata.json` and `README.md` into an artifact's directory."""
    directory = pathlib.Path(directory)
    for name, text in (
        (METADATA, json.dumps(metadata, indent=1) + "\n"),
        (CARD, hub.head(metadata) + card(metadata)),
    ):
        with files.replacing(directory / name) as path:
            path.write_text(text, encoding="utf-8")


def card(metadata):
    """The model card, in Markdown: what, trained how, on what, scores, limits."""
    form = " ".join(filter(None, (metadata["format"], metadata["quantize"])))
    dataset = own_names.short_name(metadata["run"]["config"]["dataset"])
    has_run = "model_file" not in metadata["run"]
    paragraphs = {
        "What": [_what(metadata), *_inside(metadata)],
        "Trained how": [card_training.sentences(metadata["run"])],
        "On what": [card_training.data_sentences(metadata["run"])],
        "Scores": [
            _scores(metadata),
            *(_beyond_the_error(metadata["scores"]) if has_run else ()),
            verification_text.sentences(metadata["verification"]),
        ],
        "What it needs": card_places.sentences(metadata),
        "Limits": _limits(metadata),
    }
    lines = [f"# {metadata['member']} for {dataset} ({form})"]
    for title, texts in paragraphs.items():
        lines += ["", f"## {title}"]
        for text in texts:
            lines += ["", *textwrap.wrap(text, 88, break_on_hyphens=False)]
    for name in metadata.get("pictures", ()):
        lines += ["", f"![Test error while it was trained]({name})"]
    return "\n".join(lines) + "\n"


def _size(artifact):
    parts = [*artifact.parent.glob(f"{artifact.stem}.*"), *artifact.rglob("*")]
    return sum(path.stat().st_size for path in {*parts} if path.is_file())


def _what(metadata):
    batch, *shape = metadata["input"]["shape"]
    batch = batch or "batch"
    names = metadata["class_names"]
    what = f"the network {metadata['member']} alone"
    if metadata["member"] == "ensemble":
        members = card_training.names(metadata["run"]["config"]["members"])
        what = f"the ensemble of {members}"
    return (
        f"`{metadata['file']}`: {what}, {metadata['parameters']:,} parameters, "
        f"{metadata['bytes']:,} bytes. In: {'colour' if shape[2:] == [3] else 'grey'} "
        f"images, float32 `[{batch}, {', '.join(map(str, shape))}]`, values 0..255, "
        f"not normalised. Out: {metadata['outputs']}, float32 "
        f"`[{batch}, {len(names)}]`, in this order of classes: {', '.join(names)}."
    )


def _inside(metadata):
    if metadata.get("beside"):
        yield f"Beside it in the page: {'; '.join(metadata['beside'])}."
    if metadata.get("runtime"):
        yield (
            f"It computes by {metadata['runtime']}, which is in the page with its "
            "licences."
        )


def _scores(metadata):
    scores, run = metadata["scores"], metadata["run"]
    when = "Before the export" if "model_file" in run else "At the end of training"
    return (
        f"{when}, in {card_training.precision(run)}: test "
        f"error {100 * scores['test_error']:.2f} %, test cost (mean cross-entropy) "
        f"{scores['test_cost']:.4f}."
    )


def _beyond_the_error(scores):
    if "nll" not in scores:
        yield "NLL, Brier score and calibration were not recorded by this run."
        return
    yield (
        f"NLL {scores['nll']:.4f}; Brier score {scores['brier']:.4f} (0 is best, 2 "
        f"worst); expected calibration error {100 * scores['ece']:.2f} % (how far "
        "confidence and accuracy are apart, in 15 bins)."
    )
    if "balanced_error" in scores:
        yield (
            f"Its classes are unequal: the mean of their errors is "
            f"{100 * scores['balanced_error']:.2f} %."
        )
    if "gain" in scores:
        yield (
            f"Its members disagree on {100 * scores['disagreement']:.2f} % of the test "
            f"images. Its gain, their mean error less its own, is "
            f"{100 * scores['gain']:.2f} points."
        )
    if "auroc" in scores:
        yield (
            "By its largest probability it tells its own test images from those of "
            f"`{scores['foreign']}`, whose classes it has not learnt, with an AUROC of "
            f"{scores['auroc']:.3f} (1: always; 0.5: by chance)."
        )


def _limits(metadata):
    config, foreign = metadata["run"]["config"], metadata["scores"].get("foreign")
    names = filter(None, (own_names.short_name(config["dataset"]), foreign))
    measured = " and ".join(f"`{name}`" for name in names)
    yield "It answers with one of its classes whatever the image shows."
    yield (
        "Its probabilities are as training left them, not calibrated; it was not "
        f"measured on other images than those of {measured}."
    )
    if metadata["format"] == "web":
        yield (
            "The page reads PNG pictures as predict.py does: those of the right size "
            "to the bit, others to one level of 255 at most (none with Pillow 13). "
            "Other pictures are decoded by the browser, whose JPEG may differ by some "
            "levels. It refuses 16 bits a channel. Of what the camera sees it takes "
            "the middle, and it centres drawings."
        )
    if config["truncate"]:
        yield "It was trained on a part of the data, to try things out."
    if config.get("label_noise"):
        yield (
            f"{100 * config['label_noise']:.0f} % of its training labels were wrong on "
            "purpose."
        )
    precision = card_training.precision(metadata["run"])
    if precision != "float32":
        yield (
            f"It was trained and scored in {precision} and computes in float32, so "
            "that its outputs differ a little from those scored."
        )
    if "changed_answers" in metadata["verification"]:
        yield from _limits_of_low_precision(metadata)


def _limits_of_low_precision(metadata):
    verification = metadata["verification"]
    changed = 100 * verification["changed_answers"]
    inside = {
        "int8": "Inside it computes with 8-bit integers",
        "float16": "Its weights have 16 bits",
    }[metadata["quantize"]]
    yield (
        f"{inside}: {changed:.2f} % of its answers are not the float32 network's, "
        "whose are the scores before the export. Inputs and outputs are float32."
    )
    if verification.get("activations") == "uint8":
        yield (
            "Its activations are unsigned: on x86 processors without VNNI (before "
            "2019, say) products of them can overflow, so check its answers there."
        )
