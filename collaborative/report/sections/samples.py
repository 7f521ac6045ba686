"""Figures 3.1 to 3.4 of the paper: sample images, and the PCA of MNIST."""

from __future__ import annotations

from collaborative import datasets
from collaborative.data import own_names, resizing
from collaborative.experiments import reference
from collaborative.report import pictures


def parts(context):
    """Figures 3.1 to 3.4, where any run is on a set of the paper, and those of ours."""
    if context.places is None:
        return {"samples": []}
    drawn = []
    # Other sets of tfds are not looked up: an unknown name would ask the network.
    there = set(context.runs["dataset"])
    known = [n for n in there if n in datasets.DATASETS or own_names.kind(n)]
    papers = reference.PAPER_DATASETS if context.has_paper_datasets else ()
    names = sorted({*papers, *known}, key=reference.dataset_place)
    while names:
        name = names.pop(0)
        sample = context.optional(f"sample images of {name}", _samples, name, context)
        if sample is None:
            substitutes = reference.substitutes(name)
            names = [n for n in substitutes if n not in names] + names
            continue
        figure, images, labels = sample
        drawn.append(figure)
        if name == "mnist":
            what = f"PCA of {name}"
            drawn.append(context.optional(what, _pca, images, labels, context))
    return {"samples": list(filter(None, drawn))}


def _samples(name, context):
    """One of Figures 3.1 to 3.3, and the images and labels that it was made of."""
    images, labels, class_names = pictures.first_images(
        name, pictures.PCA_IMAGES, _own(name, context.runs), **context.places
    )
    number = reference.figure_number(reference.paper_dataset(name) or name, "3")
    sample = pictures.samples_figure(images, labels, class_names)
    caption = f"{reference.dataset_label(name)}: sample images"
    return context.figure(sample, (number, name, "samples"), caption), images, labels


def _own(name, runs):
    """How the first run on a set of one's own had its images read, or None."""
    if own_names.kind(name) is None:
        return None
    first = runs[runs["dataset"] == name].iloc[0]
    size, color_mode = (
        first[setting] if isinstance(first[setting], str) else None
        for setting in ("image_size", "color_mode")
    )
    return {"image_size": size and resizing.size_of(size), "color_mode": color_mode}


def _pca(images, labels, context):
    """Figure 3.4."""
    return context.figure(
        pictures.pca_figure(images, labels),
        ("3.4", "mnist", "pca"),
        "Similar MNIST images with distinct classifications, on their two principal "
        "components; blue pixels weigh positively, red negatively",
    )
