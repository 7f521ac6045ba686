"""Links in folders of pictures: to files they count, others are named."""

import pathlib

from collaborative.data import class_folders, pictures


def linked(folder):
    """A folder of two classes, with links of all kinds in one of them."""
    for name in ("ant", "bee", "more"):
        pathlib.Path(folder, "set", name).mkdir(parents=True)
        pathlib.Path(folder, "set", name, "1.png").write_bytes(b"")
    pathlib.Path(folder, "set", "more").rename(folder / "more")
    for name, target in (
        ("file.png", folder / "more" / "1.png"),
        ("folder", folder / "more"),
        ("nowhere.png", folder / "gone.png"),
    ):
        pathlib.Path(folder, "set", "ant", name).symlink_to(target)
    return folder / "set"


TO_A_FOLDER = "a link to a folder, which is not followed"
TO_NOTHING = "a link to nothing"


def test_links_that_are_no_files_are_named(tmp_path):
    root = linked(tmp_path)
    found = class_folders.find(root)
    assert [file.path for file in found.files] == [
        "ant/1.png",
        "ant/file.png",
        "bee/1.png",
    ]
    assert found.skipped == {"ant/folder": TO_A_FOLDER, "ant/nowhere.png": TO_NOTHING}
    files, skipped = pictures.find([root])
    assert [str(file.relative_to(root)) for file in files] == [
        file.path for file in found.files
    ]
    assert skipped == {str(root / path): why for path, why in found.skipped.items()}


def test_a_link_may_be_a_class(tmp_path):
    root = linked(tmp_path)
    pathlib.Path(root, "cow").symlink_to(tmp_path / "more")
    found = class_folders.find(root)
    assert found.class_names == ("ant", "bee", "cow")
    assert found.files[-1].path == "cow/1.png"
