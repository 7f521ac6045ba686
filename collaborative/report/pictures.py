"""Figures 3.1 to 3.4 of the paper: sample images, and the PCA of MNIST.

Figure 3.4 follows Christopher Olah's "Visualizing MNIST": images projected on their two
principal components; two that are neighbours there and yet of different classes are
starred, one a panel; on each axis stands the starred image under a heat map of the
pixels' weights, blue where positive and red where negative.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
from etils import epy
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from collaborative import datasets
from collaborative.data import own_names, preparation, stored
from collaborative.system import drawing, text_table

with epy.lazy_imports():
    from sklearn import decomposition, neighbors

ROWS, COLUMNS = 4, 8
PCA_IMAGES = 3_000
PCA_LEAST = 3  # images, so that two components can differ
LONGEST_TITLE = 14  # characters that an image is wide
_MARKERS = "osv^D<>pXP"  # with the colours, a pair for each class


def first_images(name, count, own=None, **places):
    """The first training images of a data set as they are stored, without the others.

    Args:
        name: as in `datasets.load`.
        count: how many, fewer where the set has fewer.
        own: dict of `image_size` and `color_mode`, as in `datasets.load`, of a set of
            one's own; its images are shuffled.
        **places: `data_dir` and `manual_dir`, as in `datasets.load`. Nothing is
            downloaded.

    Returns:
        (images uint8 `[count, height, width, channels]`, labels `[count]`, names).

    Raises:
        datasets.DatasetError: the set is missing or cannot be read.
    """
    if name == "digits" or own_names.kind(name):
        stream = own_names.kind(name) == own_names.FOLDER or None
        more = own | {"stream": stream, "data_dir": places["data_dir"]} if own else {}
        found = datasets.load(name, **more)
        train = found.train
        return train.images[:count], train.labels[:count], found.class_names
    config = datasets.spec(name).config
    # tfds shows bars of progress.
    with contextlib.redirect_stderr(io.StringIO()):
        builder = preparation.prepared_builder(
            name,
            config,
            tuple(datasets.DATASETS),
            download=False,
            prepare=False,
            **places,
        )
        images, labels = stored.first_examples(builder, count)
    return images, labels, builder.info.features["label"].names


def samples_figure(images, labels, class_names):
    """Figures 3.1 to 3.3: sample images with their labels.

    Args:
        images: uint8 `[n, height, width, channels]`, at least one; the first are shown.
        labels: integers `[n]`.
        class_names: of the labels.
    """
    figure = Figure(figsize=(COLUMNS, 1.25 * ROWS), dpi=110, layout="constrained")
    panels = figure.subplots(ROWS, COLUMNS)
    for index, axes in enumerate(panels.flat):
        axes.axis("off")
        if index < len(images):
            name = text_table.shortened(class_names[labels[index]], LONGEST_TITLE)
            axes.set_title(name, fontsize=9, pad=3, **drawing.TITLE_AT_TOP)
            axes.imshow(np.squeeze(images[index]), cmap="gray", vmin=0, vmax=255)
    return figure


def starred_pair(points, images, labels):
    """Two images of different classes, neighbours in the plane, that look alike.

    Of all points whose nearest neighbour is of another class the closest quarter is
    taken, and of these the two whose pixels differ the least.

    Args:
        points: `[n, 2]`.
        images: `[n, pixels]`.
        labels: `[n]`.

    Returns:
        Two indices.

    Raises:
        datasets.DatasetError: where no point's nearest neighbour is of another class.
    """
    finder = neighbors.NearestNeighbors(n_neighbors=2).fit(points)
    distances, nearest = (found[:, 1] for found in finder.kneighbors(points))
    (mixed,) = np.nonzero(labels != labels[nearest])
    if not len(mixed):
        raise datasets.DatasetError("no two neighbours are of different classes")
    close = mixed[distances[mixed] <= np.quantile(distances[mixed], 0.25)]
    unlike = np.linalg.norm(images[close] - images[nearest[close]], axis=1)
    first = close[np.argmin(unlike)]
    return int(first), int(nearest[first])


def pca_figure(images, labels):
    """Figure 3.4: the two principal components, two starred neighbours, heat maps.

    Args:
        images: `[n, height, width, 1]`.
        labels: integers `[n]`, from 0 to 9.

    Raises:
        datasets.DatasetError: where the images are too few or not like MNIST's.
    """
    _check_for_pca(images, labels)
    height, width = images.shape[1:3]
    pca = decomposition.PCA(n_components=2, svd_solver="randomized", random_state=0)
    flat = images.reshape(len(images), -1) / 255.0
    points = pca.fit_transform(flat)
    weights = pca.components_.reshape(2, height, width)
    figure = Figure(figsize=(11, 5.8), dpi=110)
    figure.subplots_adjust(left=0.09, right=0.99, bottom=0.24, top=0.93, wspace=0.32)
    panels = figure.subplots(1, 2)
    pair = starred_pair(points, flat, labels)
    for axes, star in zip(panels, pair, strict=True):
        handles = _scatter(axes, points, labels)
        axes.plot(*points[star], "*", color="black", mec="white", ms=22)
        axes.set_title(f"starred: an image of {labels[star]}", **drawing.TITLE_AT_TOP)
        axes.set_xticks([])
        axes.set_yticks([])
        image = images[star, :, :, 0] / 255.0
        for component, (place, align) in enumerate(
            [((0.5, -0.03), (0.5, 1.0)), ((-0.03, 0.5), (1.0, 0.5))]
        ):
            box = OffsetImage(_heat_map(image, weights[component]), zoom=2.6)
            axes.add_artist(
                AnnotationBbox(
                    box,
                    place,
                    xycoords="axes fraction",
                    box_alignment=align,
                    frameon=False,
                )
            )
    figure.legend(
        handles=handles, loc="lower center", ncols=10, frameon=False, markerscale=2
    )
    return figure


def _check_for_pca(images, labels):
    classes = len(np.unique(labels))
    if len(images) < PCA_LEAST or classes < 2:
        raise datasets.DatasetError(
            f"it wants {PCA_LEAST} images and 2 classes or more, here are "
            f"{len(images)} of {classes}"
        )
    if images.shape[-1] != 1 or labels.max() >= len(_MARKERS):
        raise datasets.DatasetError(
            f"it wants grey images of at most {len(_MARKERS)} classes, here are "
            f"{images.shape[-1]} channels and labels up to {labels.max()}"
        )
    if (images == images[0]).all():
        raise datasets.DatasetError("all images are the same")


def _scatter(axes, points, labels):
    """The points, a colour and a marker a class; returns handles for a legend."""
    handles = []
    for label in np.unique(labels):
        mine = labels == label
        (handle,) = axes.plot(
            *points[mine].T, _MARKERS[label], color=f"C{label}", ms=3.5, alpha=0.55,
            mew=0, label=str(label), rasterized=True,
        )  # fmt: skip
        handles.append(handle)
    return handles


def _heat_map(image, weights):
    """An image `[height, width]` in grey under its weights: RGB `[height, width, 3]`.

    Positive weights tend to blue, negative ones to red, as the paper has it.
    """
    strength = np.abs(weights / np.abs(weights).max())[..., None]
    color = np.where(weights[..., None] > 0, [0.1, 0.25, 0.9], [0.9, 0.1, 0.1])
    grey = np.repeat(1 - image[..., None], 3, axis=-1)
    return grey * (1 - 0.75 * strength) + color * 0.75 * strength
