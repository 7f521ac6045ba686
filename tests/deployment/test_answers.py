import pathlib

import numpy as np
import pytest

from collaborative.deployment import answers


def paths(*names):
    return [pathlib.Path(name) for name in names]


def test_folders_of_classes_have_the_right_answers():
    files = paths("d/a/1.png", "d/b/x/2.png", "d/3.png", "e/a/4.png")
    right, notes = answers.right_classes(["d", "e/a"], files, ("a", "b", "c"))
    assert right == {files[0]: 0, files[1]: 1} and notes == []


def test_folders_that_are_no_classes():
    files = paths("d/a/1.png", "d/z/2.png")
    right, notes = answers.right_classes(["d"], files, ("a", "b"))
    assert right == {}
    assert notes == ["no accuracy of d: z is no class of the model"]
    assert answers.right_classes(["d"], files, ("p", "q")) == ({}, [])


@pytest.fixture
def scored():
    values = np.eye(3)[[0, 1, 1, 2]]
    return answers.score({"m": values[::-1], "ensemble": values}, [0, 1, 2, 2], "abc")


def test_scores(scored):
    assert scored["accuracy"] == {"m": 0.25, "ensemble": 0.75}
    assert scored["classes"] == ["a", "b", "c"]
    assert scored["confusion"]["ensemble"] == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    text = answers.score_text(scored).splitlines()
    assert text[0] == "accuracy on 4 pictures: m 25.00 %, ensemble 75.00 %"
    assert [line.split() for line in text[-3:]] == [
        ["a", "1", "0", "0"], ["b", "0", "1", "0"], ["c", "0", "1", "1"],
    ]  # fmt: skip


def test_a_long_name_makes_no_wide_column(scored):
    name = "a class whose name is longer than any column should be"
    text = answers.score_text(scored | {"classes": [name, "b", "c"]}).splitlines()
    assert "  a class …ould be  b  c" in text[-4]
    assert text[-3].startswith(name) and len(text[-3]) < len(name) + 30


def test_confusions_of_many_classes(scored, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST_MATRIX", 2)
    last = answers.score_text(scored).splitlines()[-1]
    assert last == "commonest confusions of ensemble: c as b 1"


def test_a_summary():
    values = np.eye(2)[[0, 1, 1]]
    said = answers.summary({"m": values[::-1], "ensemble": values}, "ab", 2)
    assert said == "3 pictures, by ensemble: b 2, a 1; 2 skipped"
