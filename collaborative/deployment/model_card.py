"""What is said of an exported artifact: `metadata.json` and `README.md`."""

from __future__ import annotations

import json
import pathlib
import textwrap

from collaborative.data import own_names, resizing
from collaborative.deployment import (
    card_places,
    footprint,
    hub,
    verification_text,
)
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.settings import SETTINGS
from collaborative.nn import network_files
from collaborative.runs import origin_record
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
        "Trained how": [_training(metadata["run"])],
        "On what": [_data(metadata["run"])],
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
        members = _names(metadata["run"]["config"]["members"])
        what = f"the ensemble of {members}"
    return (
        f"`{metadata['file']}`: {what}, {metadata['parameters']:,} parameters, "
        f"{metadata['bytes']:,} bytes. In: {'colour' if shape[2:] == [3] else 'grey'} "
        f"images, float32 `[{batch}, {', '.join(map(str, shape))}]`, values 0..255, "
        f"not normalised. Out: {metadata['outputs']}, float32 "
        f"`[{batch}, {len(names)}]`, in this order of classes: {', '.join(names)}."
    )


def _names(networks):
    return " and ".join(map(network_files.short_name, networks))


def _inside(metadata):
    if metadata.get("beside"):
        yield f"Beside it in the page: {'; '.join(metadata['beside'])}."
    if metadata.get("runtime"):
        yield (
            f"It computes by {metadata['runtime']}, which is in the page with its "
            "licences."
        )


def _training(record):
    config = record["config"]
    if "model_file" in record:
        mark = record["model_file"]
        return (
            f"Elsewhere: it is from the file `{mark['file']}` (sha256 "
            f"{mark['sha256'][:16]}), which does not say how it was trained. Members: "
            f"{', '.join(config['members'])}."
        )
    by = f"by {config['method']} with weight {config['alpha']}"
    if config["method"] == "Single":
        how = "from the labels alone"
    elif config.get("teacher"):
        how = f"taught {by} by the ensemble of {_names(config['teacher'])}"
    else:
        how = f"collaborating {by}"
    return (
        f"{_names(config['members'])}, {how} (J. Noel, *A Collaborative Approach "
        f"to Deep Learning*, 2017). Epochs: {config['epochs']}; batches of "
        f"{config['batch_size']} images; learning rate {config['learning_rate']}; "
        f"weight decay {config['weight_decay']}; precision {config['precision']}"
        f"{''.join(_further(config))}. "
        f"{origin_record.in_turn(record, _made_with)}."
    )


def _made_with(part):
    versions = part.get("versions")
    if not versions:
        return ""
    return (
        f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}, revision "
        f"{part.get('git_revision') or 'unknown'}, on {origin_record.device(part)}"
    )


def _further(config):
    """What was computed and the card says nowhere else, where it is not the default."""
    for name, facts in SETTINGS.items():
        default = getattr(ExperimentConfig, name)
        value = config.get(name, default)
        value = tuple(value) if isinstance(value, list) else value
        if facts.material and not facts.on_card and value != default:
            text = ", ".join(value) if isinstance(value, tuple) else value
            text = own_names.short_name(text) if isinstance(text, str) else text
            yield f"; {name} {text}"


def _data(record):
    config, data = record["config"], record["data"]
    dataset = own_names.short_name(config["dataset"])
    is_as_found = own_names.kind(config["dataset"]) and config["split"] == "official"
    split = "" if is_as_found else f"{config['split']} split, "
    aside = stretched = ""
    if config.get("image_size"):
        stretched = f" All were stretched to {config['image_size']}: {resizing.METHOD}."
    if data["validation"]:
        aside = f" {data['validation']:,} others were set aside to choose settings on."
    if "model_file" in record:
        return (
            f"Not known. It was measured on {data['test']:,} test images of "
            f"`{dataset}` ({split}seed {config['seed']}); whether it was trained on "
            f"them, that file does not say.{stretched}"
        )
    return (
        f"{data['train']:,} training images of `{dataset}` "
        f"({split}seed {config['seed']}); measured on "
        f"{data['test']:,} test images, which were not trained on.{aside}{stretched}"
    )


def _scores(metadata):
    scores, run = metadata["scores"], metadata["run"]
    when = "Before the export" if "model_file" in run else "At the end of training"
    return (
        f"{when}, in {_precision(run)}: test "
        f"error {100 * scores['test_error']:.2f} %, test cost (mean cross-entropy) "
        f"{scores['test_cost']:.4f}."
    )


def _precision(run):
    """What a model was trained and scored in, in words."""
    if origin_record.in_tf32(run):
        return "TF32"
    return run["config"]["precision"].removesuffix("_exact")


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
    precision = _precision(metadata["run"])
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
