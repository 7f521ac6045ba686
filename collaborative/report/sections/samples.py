"""Figures 3.1 to 3.4 of the paper: sample images, and the PCA of MNIST."""

from __future__ import annotations

from collaborative import datasets
from collaborative.experiments import reference
from collaborative.report import pictures


def parts(context):
    """Figures 3.1 to 3.4, of the data sets that are there."""
    if context.places is None:
        return {"samples": []}
    drawn = []
    # Other sets of tfds are not looked up: an unknown name would ask the network.
    known = [n for n in datasets.DATASETS if n in set(context.runs["dataset"])]
    names = sorted({*reference.PAPER_DATASETS, *known}, key=reference.dataset_place)
    while names:
        name = names.pop(0)
        sample = context.optional(f"sample images of {name}", _samples, name, context)
        if sample is None:
            substitutes = reference.substitutes(name)
            names = [n for n in substitutes if n not in names] + names
            continue
        drawn.append(sample)
        if name == "mnist":
            drawn.append(context.optional(f"PCA of {name}", _pca, name, context))
    return {"samples": list(filter(None, drawn))}


def _samples(name, context):
    """Figures 3.1 to 3.3."""
    number = reference.figure_number(reference.paper_dataset(name) or name, "3")
    figure = pictures.samples_figure(*_first_images(name, context))
    title = reference.dataset_label(name)
    return context.figure(figure, (number, name, "samples"), f"{title}: sample images")


def _pca(name, context):
    """Figure 3.4."""
    images, labels, _ = _first_images(name, context)
    return context.figure(
        pictures.pca_figure(images, labels),
        ("3.4", name, "pca"),
        "Similar MNIST images with distinct classifications, on their two principal "
        "components; blue pixels weigh positively, red negatively",
    )


def _first_images(name, context):
    return pictures.first_images(name, pictures.PCA_IMAGES, **context.places)
