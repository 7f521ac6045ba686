"""How and on what an exported model was trained, for its card."""

from __future__ import annotations

from collaborative.data import own_names, resizing
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.settings import SETTINGS
from collaborative.nn import network_files
from collaborative.runs import origin_record


def sentences(record):
    """How a model was trained: settings, versions and device, from its record."""
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
        how = f"taught {by} by the ensemble of {names(config['teacher'])}"
    else:
        how = f"collaborating {by}"
    return (
        f"{names(config['members'])}, {how} (J. Noel, *A Collaborative Approach "
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


def data_sentences(record):
    """What it was trained and measured on."""
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


def names(networks):
    """Networks in one phrase, files of them without their folders."""
    return " and ".join(map(network_files.short_name, networks))


def precision(record):
    """What a model was trained and scored in, in words."""
    if origin_record.in_tf32(record):
        return "TF32"
    return record["config"]["precision"].removesuffix("_exact")
