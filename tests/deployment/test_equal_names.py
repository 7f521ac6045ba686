"""Classes of one name, as lists of ImageNet's have them: no right answer is guessed."""

import pathlib

import numpy as np
import pytest

from collaborative import datasets
from collaborative.deployment import answers, model_source

NAMES = ("crane", "dog", "crane")


def test_no_accuracy_is_told_of_them():
    folder = pathlib.Path("pictures")
    files = [folder / "crane" / "1.png", folder / "dog" / "2.png"]
    found, notes = answers.right_classes([folder], files, NAMES)
    assert found == {}
    assert notes == [
        "no accuracy of pictures: the model has 2 classes of the name crane"
    ]
    found, notes = answers.right_classes([folder], files[1:], NAMES)
    assert (found, notes) == ({files[1]: 1}, [])


def test_a_model_is_not_checked_on_them():
    one = datasets.Examples(np.zeros((2, 8, 8, 1), np.uint8), np.array([0, 1]))
    data = datasets.Dataset("birds", ("dog", "crane"), one, one.part(slice(0)), one)
    with pytest.raises(model_source.UnusableModelFile, match="names 2 classes crane"):
        model_source._in_order(data, NAMES, 3, "labels.txt")
    found = model_source._in_order(data, ("ant", "crane", "dog"), 3, "labels.txt")
    assert found.test.labels.tolist() == [2, 1]
