import keras
import numpy as np
import tensorflow as tf

from collaborative.data import augmentation


def one_pixel():
    """Images of 8x16 with two bright pixels, one at the right of the other."""
    images = np.zeros((64, 8, 16, 1), np.uint8)
    images[:, 3, 5], images[:, 3, 6] = 200, 100
    return images


def place(images, value):
    return np.stack(np.nonzero(images[..., 0] == value)[1:], axis=1)


def augmented(images, step, flip, seed=912):
    step = tf.constant(step, tf.int64)
    changes = augmentation.draw(images.shape, seed, step, flip)
    return augmentation.augment(images, changes).numpy()


def test_shifts_are_by_whole_pixels_up_to_an_eighth():
    images = np.concatenate([augmented(one_pixel(), step, False) for step in range(20)])
    assert images.dtype == np.uint8
    down, right = (place(images, 200) - [3, 5]).T
    assert set(down) == {-1, 0, 1} and set(right) == {-2, -1, 0, 1, 2}
    for shifts, kinds in ((down, 3), (right, 5)):  # all equally likely
        counts = np.unique(shifts, return_counts=True)[1] / len(shifts)
        np.testing.assert_allclose(counts, 1 / kinds, atol=0.05)
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.1
    np.testing.assert_array_equal(
        place(images, 100) - place(images, 200), [[0, 1]] * 1280
    )


def test_half_of_the_images_are_flipped_where_that_is_asked_for():
    images = augmented(one_pixel(), 1, True)
    order = (place(images, 100) - place(images, 200))[:, 1]
    assert set(order) == {-1, 1}
    assert 16 < np.sum(order == -1) < 48


def test_what_is_uncovered_is_black():
    images = np.full((64, 8, 8, 3), 255, np.uint8)
    assert set(np.unique(augmented(images, 0, True))) == {0, 255}


def test_seed_and_step_decide():
    images = one_pixel()
    first = augmented(images, 3, True)
    np.testing.assert_array_equal(first, augmented(images, 3, True))
    assert np.any(first != augmented(images, 4, True))
    assert np.any(first != augmented(images, 3, True, seed=913))


def test_keras_s_settings_do_not_matter():
    """They are a person's own where the package is a library."""
    usual = augmented(one_pixel(), 3, True)
    for name, value in {
        "floatx": "float64",
        "image_data_format": "channels_first",
    }.items():
        before = getattr(keras.config, name)()
        getattr(keras.config, f"set_{name}")(value)
        try:
            np.testing.assert_array_equal(augmented(one_pixel(), 3, True), usual)
        finally:
            getattr(keras.config, f"set_{name}")(before)


def test_an_image_is_moved_as_by_hand():
    """Every pixel, against a loop."""
    images = np.random.default_rng(0).integers(1, 256, (16, 8, 24, 3), np.uint8)
    for original, image in zip(images, augmented(images, 5, False), strict=True):
        candidates = [
            (down, right)
            for down in (-1, 0, 1)
            for right in range(-3, 4)
            if np.array_equal(image, moved(original, down, right))
        ]
        assert len(candidates) == 1


def moved(image, down, right):
    black = np.zeros_like(image)
    for y, x in np.ndindex(image.shape[:2]):
        if 0 <= y - down < image.shape[0] and 0 <= x - right < image.shape[1]:
            black[y, x] = image[y - down, x - right]
    return black
