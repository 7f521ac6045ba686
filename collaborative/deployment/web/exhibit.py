"""What an exported network's page shows: others beside it, its mistakes, a card."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np

from collaborative import models
from collaborative.data import own_names
from collaborative.deployment import (
    formats,
    model_card,
    plain_models,
    runtimes,
    verification,
)
from collaborative.deployment.web import page
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


def networks(run, trained, plain, compared, images, softmax):
    """The networks of a page, all but the first one checked here.

    Args:
        run: the `runs.run.FinishedRun` of the exported network.
        trained: its model.
        plain: the exported network, named as the member; its page was checked.
        compared: another run, whose member of that name and the ensemble of `run` are
            to stand beside it; or None.
        images: test images.
        softmax: whether all return probabilities instead of logits.

    Returns:
        Dict as `page.write` takes it.

    Raises:
        NotComparable: where the other run learnt something else.
        verification.VerificationFailed: for a network that the page computes wrongly.
    """
    shown = {label(run, plain.name): plain}
    if not compared:
        return shown
    learnt = [(one.config.dataset, one.class_names) for one in (run, compared)]
    if learnt[0] != learnt[1]:
        raise NotComparable(
            f"{compared.run_dir} learnt {compared.config.dataset}, and {run.run_dir} "
            f"{run.config.dataset}: choose runs on the same data"
        )
    other = models.load_model(compared.model_path, compile=False)
    beside = [(compared, other, plain.name)]
    if plain.name != "ensemble" and "ensemble" in run.predictor_names:
        beside.append((run, trained, "ensemble"))
    for its_run, model, name in beside:
        network = plain_models.plain_model(model, name, softmax)
        _check(network, images)
        title = label(its_run, name)
        shown[title + ", the other run" if title in shown else title] = network
    return shown


def complete(artifact, models, run, examples, describe):
    """Writes an artifact's page again, with all that it shows.

    Args:
        artifact: the page, whose networks were checked.
        models: see `networks`; the first is the exported one.
        run: the `runs.run.FinishedRun` that it comes from.
        examples: the test set, `datasets.Examples`.
        describe: function without arguments to `model_card.describe`'s metadata.
    """
    first = next(iter(models.values()))
    outputs = runtimes.run_in_batches(_outputs_of(first), examples.images)
    wrong, note = mistakes(outputs, examples, run.class_names)
    metadata, written = describe(), None
    dataset = own_names.short_name(run.config.dataset)
    while metadata["bytes"] != written:  # the card, which says the size, is in the page
        written = metadata["bytes"]
        content = page.Content(
            title=f"{metadata['member']} for {dataset}",
            class_names=run.class_names,
            are_probabilities=metadata["softmax"],
            card=model_card.card(metadata),
            mistakes=wrong,
            mistakes_note=note,
            drawing=page.drawing_of(examples.images[:200]),
        )
        page.write(artifact, models, content)
        metadata = describe()


def mistakes(outputs, examples, class_names):
    """Some test images that are misclassified, and a sentence on all of them.

    Args:
        outputs: `[n, classes]` of all test images.
        examples: `datasets.Examples`.
        class_names: one for each class.

    Returns:
        (tuple of (image, name of its class), at most MISTAKES and evenly spaced among
        all in the order of the set; the sentence).
    """
    wrong = np.flatnonzero(outputs.argmax(axis=1) != examples.labels)
    count = min(MISTAKES, len(wrong))
    chosen = wrong[np.linspace(0, len(wrong) - 1, count).round().astype(int)]
    shown = tuple((examples.images[i], class_names[examples.labels[i]]) for i in chosen)
    share = 100 * len(wrong) / len(examples)
    note = (
        f"{len(wrong):,} of {len(examples):,} test pictures ({share:.2f} %), which it "
        f"was not trained on; here are {count}. Press one to see what it says."
    )
    return shown, note


def _outputs_of(network):
    return lambda images: network(images, training=False).numpy()


def _check(network, images):
    expected = _outputs_of(network)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, formats.FILES["web"])
        formats.write(network, path, "web")
        verification.verify_float("web", path, expected, expected, images, "float32")
