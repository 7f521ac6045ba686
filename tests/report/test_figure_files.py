import matplotlib.image
import numpy as np
import pytest
from conftest import REAL_DATA, needs_real_data

from collaborative import datasets
from collaborative.report import figures, pictures


def test_the_starred_pair_are_unlike_classes_that_look_alike():
    points = np.array([[0, 0], [0, 0.5], [5, 5], [5, 5.5], [9, 0], [9, 0.1], [0, 9]])
    labels = np.array([1, 7, 1, 7, 3, 3, 2])
    images = np.zeros((7, 4))
    images[3] = 1  # the second pair is as close but looks different
    assert pictures.starred_pair(points, images, labels) == (0, 1)
    with pytest.raises(datasets.DatasetError, match="no two neighbours"):
        pictures.starred_pair(points, images, np.zeros(7))


def test_heat_map_is_blue_where_positive_and_red_where_negative():
    weights = np.array([[1.0, -1.0, 0.0]])
    colors = pictures._heat_map(np.array([[0.0, 0.0, 1.0]]), weights)
    blue, red, ink = colors[0]
    assert blue[2] > blue[0] and red[0] > red[2]
    np.testing.assert_array_equal(ink, 0)


def test_samples_of_digits(tmp_path):
    images, labels, names = pictures.first_images("digits", 12)
    assert images.shape == (12, 8, 8, 1) and len(labels) == 12
    figure = pictures.samples_figure(images, labels, names)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [str(label) for label in labels] + [""] * 20
    figures.save(figure, tmp_path, "samples")
    assert matplotlib.image.imread(tmp_path / "samples.png").std() > 0.1


def test_pca_of_digits():
    images, labels, _ = pictures.first_images("digits", 500)
    figure = pictures.pca_figure(images, labels)
    titles = {axes.get_title() for axes in figure.axes}
    assert len(titles) == 2  # two classes
    for axes in figure.axes:
        stars = [line for line in axes.get_lines() if line.get_marker() == "*"]
        assert len(stars) == 1
    (a, b) = (
        np.concatenate(stars.get_xydata())
        for axes in figure.axes
        for stars in axes.get_lines()
        if stars.get_marker() == "*"
    )
    spread = np.ptp([line.get_xdata().mean() for line in axes.get_lines()])
    assert np.linalg.norm(a - b) < spread / 10  # neighbours


def test_a_missing_set_is_named(tmp_path):
    with pytest.raises(datasets.DatasetError, match="mnist is not prepared"):
        pictures.first_images("mnist", 3, data_dir=tmp_path, manual_dir=None)


@needs_real_data
def test_first_images_of_a_prepared_set():
    images, labels, names = pictures.first_images(
        "cifar10", 5, data_dir=REAL_DATA, manual_dir=None
    )
    assert images.shape == (5, 32, 32, 3) and images.dtype == np.uint8
    assert labels.shape == (5,) and "frog" in names


@pytest.mark.parametrize(
    "shape, labels, message",
    [
        ((9, 8, 8, 3), np.arange(9), "here are 3 channels"),
        ((12, 8, 8, 1), np.arange(12), "labels up to 11"),
        ((2, 8, 8, 1), np.arange(2), "here are 2 of 2"),
    ],
)
def test_what_is_not_like_mnist_has_no_pca(shape, labels, message):
    images = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    with pytest.raises(datasets.DatasetError, match=message):
        pictures.pca_figure(images, labels)


def test_long_names_of_classes_do_not_run_into_each_other():
    names = ["a class\nwith a long name", "$b$"]
    figure = pictures.samples_figure(np.zeros((2, 4, 4, 1), np.uint8), [0, 1], names)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["a class…g name", "$b$"]
