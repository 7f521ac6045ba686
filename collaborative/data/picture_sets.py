"""Pictures of one's own, decoded: of one size, grey or colour, once for all runs.

They are decoded as `predict.py` decodes what it is shown (`pictures`), to a file in the
person's cache (`decoded`) that is checked against names, sizes and times of the
pictures. Runs read it into memory, or from the disk where memory does not suffice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import multiprocessing.pool
import pathlib

import numpy as np

from collaborative.data import (
    class_folders,
    decoded,
    decoded_images,
    picture_survey,
    pictures,
    resizing,
)
from collaborative.data.errors import DatasetError
from collaborative.data.examples import COPIES, Examples
from collaborative.system import digests, limits
from collaborative.system.errors import reason_of
from collaborative.system.words import first_of, printable

_AT_A_TIME = 256  # files


@dataclasses.dataclass(frozen=True)
class PictureSet:
    """The pictures of a folder, decoded.

    Attributes:
        found: the `class_folders.Found`.
        decoded: the folder with the decoded pictures.
        facts: dict of what was found when they were decoded: `image_shape`, `sizes`
            (how many there are), `common` (the commonest, or None), `skipped` and
            `sha256`.
    """

    found: class_folders.Found
    decoded: pathlib.Path
    facts: dict

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of all."""
        return tuple(self.facts["image_shape"])

    @property
    def fingerprint(self) -> dict:
        """What tells these pictures from others: see `fingerprint`."""
        return _fingerprint(self.found, self.facts["sha256"])

    def examples(self, seed: int, stream: bool | None, splits: tuple[str, ...]):
        """The pictures of splits, pooled and shuffled with the seed.

        Args:
            seed: of the shuffle.
            stream: whether they stay on the disk; None: where memory does not suffice.
            splits: which of `found.splits`.

        Returns:
            `Examples`.

        Raises:
            DatasetError: they are to be in memory, which does not suffice.
        """
        files = [f for f in self.found.files if f.path not in self.facts["skipped"]]
        rows = np.array([i for i, f in enumerate(files) if f.split in splits], np.int64)
        rows = rows[np.random.default_rng(seed).permutation(len(rows))]
        path = self.decoded / decoded_images.IMAGES
        images = decoded_images.DecodedImages([path], self.image_shape, rows)
        if not self._streams(len(files), stream):
            images = images[:]
        labels = np.array([files[row].label for row in rows], np.int64)
        return Examples(images, labels)

    def _streams(self, count, stream):
        """Whether all so many pictures stay on the disk."""
        fit = limits.free_memory() // (COPIES * math.prod(self.image_shape))
        if stream is False and fit < count:
            raise DatasetError(
                f"{self.found.title} has {count:,} pictures, and {fit:,} of "
                f"{resizing.shown(self.image_shape)} fit in memory: leave --nostream "
                "out, give a smaller --image_size, or take some of them away"
            )
        return fit < count if stream is None else stream

    def notes(self, stream: bool | None) -> list[str]:
        """What a person should be told of them: list of lines."""
        said = []
        count = len(self.found.files) - len(self.facts["skipped"])
        if self._streams(count, stream):
            said.append("its images are read from the disk, as they are needed")
        common, (height, width, _) = self.facts["common"], self.image_shape
        if common and (self.facts["sizes"] > 1 or common != [height, width]):
            said.append(
                f"all are stretched to {height}x{width}, since the commonest of "
                f"{self.facts['sizes']:,} sizes is {common[0]}x{common[1]}"
            )
        skipped = self.found.skipped | self.facts["skipped"]
        told = [f"{printable(n)} ({why})" for n, why in skipped.items()]
        said += _named(told, "file was skipped", "files were skipped")
        stray = list(map(printable, self.found.stray))
        said += _named(stray, "file lies in no class", "files lie in no class")
        return said


def open_set(
    found: class_folders.Found,
    name: str,
    size: tuple[int, int] | None = None,
    color_mode: str | None = None,
) -> PictureSet:
    """The pictures of a folder, decoded now if they have not been.

    Args:
        found: what is in the folder.
        name: of its cache.
        size: (height, width) of all; None: the commonest, made divisible.
        color_mode: as for `picture_survey.surveyed`.

    Raises:
        DatasetError: none can be read, they change meanwhile, no picture of a class can
            be read, or the disk has no room.
    """
    if not found.files:
        raise DatasetError(f"{found.root} holds no pictures: put some there")
    facts, places, named = _cache(found, name, size, color_mode)
    kept = decoded.kept(facts, places, named)
    if kept:
        return PictureSet(found, *kept)
    _check_readable(found, {})
    with multiprocessing.pool.ThreadPool(limits.core_count()) as threads:
        survey = picture_survey.surveyed(found, size, color_mode, threads)
        shape = tuple(survey["image_shape"])

        def write(folder):
            return survey | _decode(found, shape, folder, threads)

        count = len(found.files)
        decoded.keep(found.title, facts, places, named, lambda: (count, shape), write)
    return PictureSet(found, *decoded.kept(facts, places, named))


def fingerprint(
    found: class_folders.Found,
    name: str,
    size: tuple[int, int] | None = None,
    color_mode: str | None = None,
) -> dict:
    """What tells a folder's pictures from others, without decoding any.

    Returns:
        Dict of `files`, `bytes` and `sha256`, of all paths and contents.
    """
    kept = decoded.kept(*_cache(found, name, size, color_mode))
    if kept:
        return PictureSet(found, *kept).fingerprint
    with multiprocessing.pool.ThreadPool(limits.core_count()) as threads:
        digests = threads.map(lambda f: _digest(found.root / f.path), found.files)
    return _fingerprint(found, _joined(found.files, digests))


def _fingerprint(found, sha256):
    sizes = [file.size for file in found.files]
    return {"files": len(sizes), "bytes": sum(sizes), "sha256": sha256}


def _cache(found, name, size, color_mode):
    """(facts, places, name of the folder) of decoded pictures, see `decoded.keep`."""
    facts = {
        "path": str(found.root.resolve()),
        "files": [[file.path, file.size, file.time] for file in found.files],
        "classes": len(found.class_names),
        "size": list(size) if size else None,
        "color_mode": color_mode,
    }
    kind = "classes" if found.class_names else "all"
    asked = (kind, resizing.shown(size) if size else "own", color_mode or "own")
    return facts, decoded.cache_places(name), "-".join(asked)


def _decode(found, shape, folder, threads):
    """Writes all pictures to a folder; entries of the facts: `skipped` and `sha256`."""
    skipped, digests = {}, []

    def read(file):
        at = found.root / file.path
        try:
            return _digest(at), pictures.read(at, shape)
        except (pictures.UnreadablePicture, OSError) as error:
            return _digest(at), reason_of(error)

    with decoded.writing(folder, len(found.files)) as add:
        for start in range(0, len(found.files), _AT_A_TIME):
            files = found.files[start : start + _AT_A_TIME]
            results = threads.map(read, files)
            digests += [digest for digest, _ in results]
            skipped |= {
                file.path: result
                for file, (_, result) in zip(files, results, strict=True)
                if isinstance(result, str)
            }
            images = [image for _, image in results if not isinstance(image, str)]
            add(np.stack(images) if images else b"", len(files))
    _check_unchanged(found)
    _check_readable(found, skipped)
    return {"skipped": skipped, "sha256": _joined(found.files, digests)}


def _check_unchanged(found):
    """Raises DatasetError where files are not as they were when they were found."""
    look = class_folders.find if found.class_names else class_folders.find_flat
    now = look(found.root).files
    if now != found.files:
        raise DatasetError(
            f"the pictures in {found.root} changed while they were read "
            f"({len(found.files):,} files before, {len(now):,} now): start again when "
            "all are there"
        )


def _check_readable(found, skipped):
    """Raises DatasetError where none can be read of a class that is to be learnt."""
    learnt = (class_folders.ALL, class_folders.TRAIN)
    files = [f for f in found.files if f.split in learnt and f.path not in skipped]
    counts = np.bincount([f.label for f in files], minlength=len(found.class_names))
    empty = [n for n, k in zip(found.class_names, counts, strict=False) if not k]
    if not files:
        empty = found.class_names or (found.title,)
    if empty:
        why = next(iter((found.skipped | skipped).items()), None)
        first = f" (skipped: {printable(why[0])}, {why[1]})" if why else ""
        raise DatasetError(
            f"{found.title} has no pictures of {', '.join(empty)} to learn from{first}:"
            " add some, or take the folder away"
        )


def _digest(path):
    """SHA-256 of a file's content; that of nothing where it cannot be read."""
    try:
        return digests.of_file(path)
    except OSError:
        return ""


def _joined(files, digests):
    """SHA-256 of all paths and contents."""
    whole = hashlib.sha256()
    for file, digest in zip(files, digests, strict=True):
        whole.update(f"{file.path}\n{digest}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _named(names, one, several):
    """A line that counts and names, if there are any."""
    if not names:
        return []
    what = one if len(names) == 1 else several
    return [f"{len(names):,} {what}: {first_of(names)}"]
