"""Figures 3.1 to 3.4 of the paper: sample images, and the PCA of MNIST."""

from __future__ import annotations

from collaborative import datasets
from collaborative.data.preparation import DatasetError
from collaborative.experiments import reference
from collaborative.report import pictures


def parts(context):
    """Figures 3.1 to 3.4, and a line for each data set that is not there."""
    if context.places is None:
        return {"samples": [], "absent": []}
    drawn, absent = [], []
    # Other sets of tfds are not looked up: an unknown name would ask the network.
    known = [n for n in datasets.DATASETS if n in set(context.runs["dataset"])]
    names = sorted({*reference.PAPER_DATASETS, *known}, key=reference.dataset_place)
    while names:
        name = names.pop(0)
        try:
            found = pictures.first_images(name, pictures.PCA_IMAGES, **context.places)
        except DatasetError as error:
            absent.append(f"no sample images of {name}: {error}")
            substitutes = reference.substitutes(name)
            names = [n for n in substitutes if n not in names] + names
            continue
        try:
            drawn += _sample_figures(name, *found, context)
        except ValueError as error:  # too few images, or of too few classes
            absent.append(f"no sample images of {name}: {error}")
    for line in absent:
        context.say(line)
    return {"samples": drawn, "absent": absent}


def _sample_figures(name, images, labels, class_names, context):
    """A data set's sample images and, of MNIST, the PCA."""
    title = reference.dataset_label(name)
    number = reference.figure_number(reference.paper_dataset(name) or name, "3")
    sample = pictures.samples_figure(images, labels, class_names)
    key = (number, name, "samples")
    drawn = [context.figure(sample, key, f"{title}: sample images")]
    if name == "mnist":
        caption = (
            "Similar MNIST images with distinct classifications, on their two "
            "principal components; blue pixels weigh positively, red negatively"
        )
        pca = pictures.pca_figure(images, labels)
        drawn.append(context.figure(pca, ("3.4", name, "pca"), caption))
    return drawn
