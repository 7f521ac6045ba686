"""Labels in the shapes that people have them in: one meaning, or a refusal."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble

CLASSES = 3


def evaluated(labels, images, shape):
    data = tf.data.Dataset.from_generator(
        lambda: zip([images], [labels], strict=True),
        output_signature=(
            tf.TensorSpec((None, *images.shape[1:])),
            tf.TensorSpec(shape, tf.int64),
        ),
    )
    return compiled(ensemble()).evaluate(data, verbose=0)


@pytest.mark.parametrize("shape", [None, (None, None), (None, CLASSES)])
def test_one_hot_labels_of_a_shape_that_is_not_known(shape, images_and_labels):
    images, labels = images_and_labels
    wanted = evaluated(labels, images, (None,))
    one_hot = np.eye(CLASSES, dtype=np.int64)[labels]
    assert evaluated(one_hot, images, shape) == pytest.approx(wanted)


def test_columns_of_a_shape_that_is_not_known(images_and_labels):
    images, labels = images_and_labels
    wanted = evaluated(labels, images, (None,))
    column = labels[:, None]
    assert evaluated(column, images, (None, None)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "shape, message",
    [
        ((None, 5), r"labels must be integers \[batch\] or .*\[batch, 3\], .* 5\]"),
        ((None, None), "labels must be integers .* got another number for each"),
        (None, "labels must be integers .* got another number for each image"),
    ],
)
def test_labels_of_another_width_are_no_first_column(shape, message, images_and_labels):
    images, labels = images_and_labels
    wide = np.eye(5, dtype=np.int64)[labels]
    with pytest.raises(ValueError, match=message):
        evaluated(wide, images, shape)
