"""What an exported network's page shows: others beside it, its mistakes, a card."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np

from collaborative.data import own_names
from collaborative.deployment import (
    formats,
    model_card,
    plain_models,
    runtimes,
    verification,
)
from collaborative.deployment.web import page
from collaborative.runs import trained_model
from collaborative.system.errors import UserError

MISTAKES = 12


class NotComparable(UserError, ValueError):
    """Runs whose networks cannot stand side by side; one line for a person."""


def label(run, name):
    """What a network is called beside others, such as "ST, trained apart"."""
    config = run.config
    if name == "ensemble":
        name = f"ensemble of {' and '.join(config.member_names)}"
    if config.method == "Single":
        return f"{name}, trained apart"
    how = "taught by a teacher" if config.teacher else "trained together"
    return f"{name}, {how} ({config.method}, {config.alpha:g})"


def networks(run, trained, plain, compared, softmax=False):
    """The networks of a page.

    Args:
        run: the `runs.run.FinishedRun` of the exported network.
        trained: its model.
        plain: the exported network, named as the member; it comes first.
        compared: another run, whose member of that name and the ensemble of `run` are
            to stand beside it; or None.
        softmax: whether all return probabilities instead of logits.

    Returns:
        Dict as `page.write` takes it.

    Raises:
        NotComparable: where the other run learnt something else.
    """
    shown = {label(run, plain.name): plain}
    if not compared:
        return shown
    learnt = [_learnt(one) for one in (run, compared)]
    if run.class_names != compared.class_names:
        raise NotComparable(
            f"{compared.run_dir} has other classes than {run.run_dir}, or in another "
            "order: choose runs on the same data"
        )
    if learnt[0] != learnt[1]:
        raise NotComparable(
            f"{compared.run_dir} learnt {learnt[1]}, and {run.run_dir} {learnt[0]}: "
            "choose runs on the same data, whose test pictures are the same"
        )
    other = trained_model.load(compared.model_path, compared.config.member_names)
    beside = [(compared, other, plain.name)]
    if plain.name != "ensemble" and "ensemble" in run.predictor_names:
        beside.append((run, trained, "ensemble"))
    for its_run, model, name in beside:
        network = plain_models.plain_model(model, name, softmax)
        if network.input_shape != plain.input_shape:
            wanted, given = (one.input_shape[1:] for one in (plain, network))
            raise NotComparable(
                f"{its_run.run_dir} takes pictures of {_by(given)}, and {run.run_dir} "
                f"of {_by(wanted)}: choose runs on pictures of one size and colour mode"
            )
        title = label(its_run, name)
        shown[title + ", the other run" if title in shown else title] = network
    return shown


def check(networks, images, runtime):
    """Runs networks in pages of their own, but the first one, which was checked.

    Args:
        networks: see `networks`.
        images: test images, uint8 `[n, height, width, channels]`.
        runtime: the page's, a `runtime.Runtime`, or None for the interpreter.

    Raises:
        verification.VerificationFailed: for a network that the page computes wrongly.
    """
    for network in list(networks.values())[1:]:
        expected = verification.outputs_of(network)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, formats.FILES["web"])
            formats.write(network, path, "web", web_runtime=runtime)
            verification.verify_float(
                "web", path, expected, expected, images, "float32"
            )


def complete(artifact, models, run, examples, describe, runtime):
    """Writes an artifact's page again, with all that it shows.

    Args:
        artifact: the page, whose networks were checked.
        models: see `networks`; the first is the exported one.
        run: the `runs.run.FinishedRun` that it comes from.
        examples: the test set, `datasets.Examples`.
        describe: function without arguments to `model_card.describe`'s metadata.
        runtime: see `check`.
    """
    outputs = {
        name: runtimes.run_in_batches(verification.outputs_of(network), examples.images)
        for name, network in models.items()
    }
    wrong, note = mistakes(outputs, examples, run.class_names)
    metadata, written = describe(), None
    dataset = own_names.short_name(run.config.dataset)
    while metadata["bytes"] != written:  # the card, which says the size, is in the page
        written = metadata["bytes"]
        content = page.Content(
            title=f"{metadata['member']} for {dataset}",
            lead=lead(models) if len(models) > 1 else "",
            class_names=run.class_names,
            are_probabilities=metadata["softmax"],
            card=model_card.card(metadata),
            mistakes=wrong,
            mistakes_note=note,
            errors=errors(outputs, examples) if len(models) > 1 else {},
            drawing=page.drawing_of(examples.images[:200]),
        )
        page.write(artifact, models, content, runtime)
        metadata = describe()


def lead(names):
    """What stands side by side, as `label` names it, and what being together means."""
    said = f"Side by side: {'; '.join(names)}."
    if any("trained together" in name for name in names):
        said += (
            " Trained together, networks learn from the labels and from each other "
            "(J. Noel, A Collaborative Approach to Deep Learning, 2017)."
        )
    return said


def mistakes(outputs, examples, class_names):
    """Some test images that are misclassified, and a sentence on all of them.

    Args:
        outputs: dict from what each network is called to its outputs `[n, classes]` for
            all test images.
        examples: `datasets.Examples`.
        class_names: one for each class.

    Returns:
        (tuple of (image, name of its class) that one of the networks gets wrong, at
        most MISTAKES and evenly spaced among all in the order of the set; the
        sentence).
    """
    by_any = np.any([_is_wrong(one, examples) for one in outputs.values()], axis=0)
    wrong = np.flatnonzero(by_any)
    count = min(MISTAKES, len(wrong))
    chosen = wrong[np.linspace(0, len(wrong) - 1, count).round().astype(int)]
    shown = tuple((examples.images[i], class_names[examples.labels[i]]) for i in chosen)
    found = (
        f"{len(wrong):,} of {len(examples):,} test pictures "
        f"({_percent(len(wrong), len(examples))})"
    )
    if len(outputs) == 1:
        note = f"{found}; here are {count}. Press one to see what it says."
    else:
        note = (
            f"One of them at least gets {found} wrong; here are {count}, each with its "
            "class and what they say, in the order above. Press one to see how sure "
            "they are."
        )
    return shown, note


def errors(outputs, examples):
    """How many test images each network gets wrong, in words; `mistakes` has its
    arguments."""
    return {
        name: f"{wrong:,} of {len(examples):,} ({_percent(wrong, len(examples))})"
        for name, one in outputs.items()
        for wrong in [int(_is_wrong(one, examples).sum())]
    }


def _is_wrong(outputs, examples):
    return outputs.argmax(axis=1) != examples.labels


def _by(shape):
    """A picture's shape, as 28 x 28 x 1."""
    return " x ".join(map(str, shape))


def _percent(count, total):
    return f"{100 * count / total:.2f} %"


def _learnt(run):
    """The data of a run and what chose its test pictures, in words."""
    config, split = run.config, run.config.split
    is_chosen = split == "pooled" or own_names.kind(config.dataset) is not None
    seed = f", seed {config.seed}" if is_chosen else ""
    return f"{config.dataset} ({split} split{seed})"
