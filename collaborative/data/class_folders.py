"""A folder of pictures of one's own: which files it has, of which class and split.

    DIR/cat/1.png            or    DIR/train/cat/1.png    DIR/test/cat/3.png
    DIR/dog/2.jpg                  DIR/train/dog/2.jpg    DIR/test/dog/4.jpg

and `validation/` like them. Class folders are read at any depth; what is hidden is left
out. No picture is opened here.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import stat
import unicodedata

from collaborative.data import pictures
from collaborative.data.errors import DatasetError
from collaborative.system.words import printable

TRAIN, VALIDATION, TEST = "train", "validation", "test"
ALL = "all"  # the split of pictures that have none
_SPLITS = {
    "train": TRAIN,
    "test": TEST,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
}


@dataclasses.dataclass(frozen=True)
class File:
    """A file that may be a picture: its path below the folder, its split and class."""

    path: str
    split: str
    label: int
    size: int  # bytes
    time: int  # of the last change, nanoseconds


@dataclasses.dataclass(frozen=True)
class Found:
    """What is in a folder of pictures.

    Attributes:
        root: the folder.
        title: what a person calls it.
        class_names: the names of the folders of classes, in order.
        files: `File`s by split, class and path.
        skipped: dict from paths below the folder to why they are no files.
        stray: paths of files that lie in no folder of a class.
    """

    root: pathlib.Path
    title: str
    class_names: tuple[str, ...]
    files: tuple[File, ...]
    skipped: dict
    stray: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have files."""
        return tuple(dict.fromkeys(file.split for file in self.files))


def find(root: pathlib.Path) -> Found:
    """Looks through a folder with a folder for each class, or splits of such.

    Raises:
        DatasetError: there is no such folder, or its classes cannot be learnt.
    """
    title = printable(root.name or root)
    folders, stray = _inside(root)
    by_split = _split_folders(title, folders)
    if by_split is None:
        classes = {ALL: folders}
    else:
        classes = {}
        for split, folder in by_split.items():
            classes[split], more = _inside(folder)
            stray += more
    trained = classes.get(ALL, classes.get(TRAIN))
    _check_classes(root, title, trained, stray)
    names = sorted(folder.name for folder in trained)
    for split, found in classes.items():
        unknown = sorted({folder.name for folder in found} - set(names))
        if unknown:
            raise DatasetError(
                f"{title} has pictures of {_listed(unknown)} in {split}/ and none in "
                f"{TRAIN}/: add a folder of that name there, or take this one away"
            )
    files, skipped = [], {}
    for split, found in classes.items():
        for folder in sorted(found):
            label = names.index(folder.name)
            files += _files(root, folder, split, label, skipped)
    shown = tuple(map(printable, names))
    stray = tuple(str(path.relative_to(root)) for path in stray)
    return Found(root, title, shown, tuple(files), skipped, stray)


def find_flat(root: pathlib.Path) -> Found:
    """All files of a folder at any depth, which are of no class (label 0).

    Raises:
        DatasetError: there is no such folder.
    """
    _inside(root)
    skipped = {}
    files = _files(root, root, ALL, 0, skipped)
    title = printable(root.name or root)
    return Found(root, title, (), tuple(files), skipped)


def _inside(folder):
    """(folders, files) directly in a folder, as two lists of paths, sorted."""
    try:
        found = [entry for entry in sorted(folder.iterdir())
                 if pictures.is_visible(entry.name)]  # fmt: skip
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be read: {error.strerror}: give the path of a folder "
            "that has a folder of pictures for each class"
        ) from error
    folders = [path for path in found if path.is_dir()]
    return folders, [path for path in found if not path.is_dir()]


def _split_folders(title, folders):
    """Dict from splits to their folders, in order; None where these are of classes."""
    known, others = {}, []
    for folder in folders:
        split = _SPLITS.get(folder.name.casefold())
        if split in known:
            raise DatasetError(
                f"{title} has {known[split].name}/ and {folder.name}/, two folders of "
                f"{split} pictures: take one away"
            )
        if split:
            known[split] = folder
        else:
            others.append(folder.name)
    if TRAIN not in known or (others and TEST not in known):
        return None
    if others:
        raise DatasetError(
            f"{title} has {known[TRAIN].name}/ and {known[TEST].name}/, and beside "
            f"them {_listed(others)}: take away what is no split"
        )
    return {s: known[s] for s in (TRAIN, VALIDATION, TEST) if s in known}


def _check_classes(root, title, folders, stray):
    names = [folder.name for folder in folders]
    if not names:
        there = f"{len(stray):,} files lie" if stray else "nothing lies"
        raise DatasetError(
            f"{root} has no folders of classes ({there} in it): put the pictures of "
            "each class into a folder of its name"
        )
    alike = collections.defaultdict(list)
    for name in names:
        alike[unicodedata.normalize("NFC", name).casefold()].append(name)
    twice = next((group for group in alike.values() if len(group) > 1), None)
    if twice:
        raise DatasetError(
            f"{title} has the classes {_listed(twice)}, one name written in two ways: "
            "put their pictures into one folder, or give one another name"
        )
    if len(names) == 1:
        raise DatasetError(
            f"{title} has one class, {_listed(names)}, and there is nothing to tell "
            "apart: add a folder with the pictures of another"
        )


def _files(root, folder, split, label, skipped):
    """The `File`s in a folder; what is none is put into `skipped`."""
    files = []
    for path in pictures.visible(folder):
        name = os.path.relpath(path, root)
        try:
            facts = path.stat()
        except OSError as error:  # a link that points nowhere, a file that went
            is_link = path.is_symlink()
            skipped[name] = pictures.why_no_file(path) if is_link else error.strerror
            continue
        if stat.S_ISREG(facts.st_mode):
            times = facts.st_size, facts.st_mtime_ns
            files.append(File(name, split, label, *times))
        else:  # a pipe, whose reader would wait
            skipped[name] = pictures.why_no_file(path)
    return files


def _listed(names):
    return ", ".join(map(printable, names))
