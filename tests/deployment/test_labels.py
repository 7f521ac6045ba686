import pytest

from collaborative.deployment import labels


def test_what_is_written_is_read(tmp_path):
    labels.write(tmp_path, ("a b", "c\nd", ""))
    assert labels.read(tmp_path / "labels.txt") == ("a b", "c d", "_")


def test_numbers_before_the_names(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0 cat\n1 small dog\n")
    assert labels.read(path) == ("cat", "small dog")
    path.write_text("0 cat\n2 small dog\n")
    assert labels.read(path) == ("0 cat", "2 small dog")


def test_names_beside_a_model(tmp_path):
    model = tmp_path / "a.tflite"
    assert labels.of_model(model, None, 2) == ("0", "1")
    labels.write(tmp_path, "xy")
    assert labels.of_model(model, None, 2) == ("x", "y")
    (tmp_path / "own.txt").write_text("p\nq\n")
    assert labels.of_model(model, tmp_path / "own.txt", 2) == ("p", "q")
    with pytest.raises(labels.UnusableLabels, match="has 2 names, and the model 3"):
        labels.of_model(model, None, 3)


@pytest.mark.parametrize(
    "content, said",
    [(None, "No such file"), (b"\n \n", "it is empty"), (b"\xff\xfe\x00", "holds no")],
)
def test_files_without_names(content, said, tmp_path):
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(labels.UnusableLabels, match=said):
        labels.read(path)
