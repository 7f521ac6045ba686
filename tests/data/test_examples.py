import numpy as np
import pytest
from sklearn.utils import class_weight

from collaborative.data import examples


def test_balanced_weights_are_scikit_learn_s():
    labels = np.repeat([0, 1, 2], [50, 5, 20])
    found = examples.balanced_weights(labels, 3)
    wanted = class_weight.compute_class_weight(
        "balanced", classes=np.arange(3), y=labels
    )
    assert found == pytest.approx(wanted)
    assert np.mean(np.array(found)[labels]) == pytest.approx(1)


def test_a_class_without_images_has_no_weight():
    labels = np.array([0, 0, 0, 2])
    assert examples.balanced_weights(labels, 4) == pytest.approx([2 / 3, 0, 2, 0])
