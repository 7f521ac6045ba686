"""Finding and getting the prepared data sets of tfds (section 3.1.4).

A set is read from data_dir if it lies there prepared, in this version or another that
has the same examples. It is prepared from files that lie in manual_dir, or where tfds
keeps its downloads; what is in neither place is downloaded only if asked for. What can
go wrong is said in one line, and soon. Importing this module imports neither TensorFlow
nor tfds.
"""

import contextlib
import difflib
import io
import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
from etils import epy

from collaborative.data import downloads, resizing
from collaborative.data.errors import (
    DatasetChoiceError,
    DatasetError,
    NotPrepared,
    damaged,
)
from collaborative.system import files, resources
from collaborative.system.errors import reason_of
from collaborative.system.words import first_of

with epy.lazy_imports():
    import tensorflow_datasets as tfds

    from collaborative.data.not_mnist import not_mnist_dataset_builder as not_mnist


def prepared_builder(
    name: str,
    config: str | None,
    known_names: tuple[str, ...],
    data_dir: str | os.PathLike | None,
    manual_dir: str | os.PathLike | None,
    download: bool,
    prepare: bool = True,
    resize: bool = False,
) -> "tfds.core.DatasetBuilder":
    """The builder of a set that is prepared, after preparing it if need be.

    Args:
        name: what a person calls the set.
        config: of our notMNIST builder; None if the set is one of tfds.
        known_names: other names to suggest where tfds does not know this one.
        data_dir: of prepared sets; None is tfds's own default.
        manual_dir: of archives; None is `downloads/manual` in data_dir.
        download: get the set if it is missing.
        prepare: write it to data_dir if its archives are there; else it must lie there.
        resize: whether its pictures will be made of one size.

    Raises:
        DatasetError: the set is unknown, unfit, missing, damaged or cannot be got.
    """
    # Not Path.expanduser, which fails where the person has no home.
    data_dir = Path(os.path.expanduser(data_dir)) if data_dir else None
    try:
        builder = _open(name, config, known_names, data_dir)
        _check_features(name, builder, resize)
        if not builder.data_path.exists():
            builder = _of_another_version(name, builder, resize) or builder
        if not builder.data_path.exists() and not prepare:
            raise NotPrepared(
                f"{name} is not prepared in {builder.data_dir}: train on it, or use "
                "another --data_dir"
            )
        if not builder.data_path.exists():
            _prepare(name, builder, data_dir, manual_dir, download)
            # The builder that prepared a set still has the paths of its temporary
            # folder.
            builder = _open(name, config, known_names, data_dir)
        # builder.is_prepared() is the same, with warnings of its own.
        if not (builder.data_path / "dataset_info.json").exists():
            raise damaged(builder.data_dir, "it has no dataset_info.json")
    except OSError as error:
        reason = reason_of(error)
        raise DatasetError(
            f"{name} cannot be read: {reason}: {error.filename or _root(data_dir)}"
        ) from error
    return builder


def notes(builder: "tfds.core.DatasetBuilder") -> tuple[str, ...]:
    """What a person should be told of a prepared set: skipped images, its version."""
    if not isinstance(builder, not_mnist.Builder):
        return _note_of_version(builder)
    try:
        by_split = builder.info.metadata.get("unreadable", {})
        names = [name for split in sorted(by_split) for name in by_split[split]]
    except (OSError, TypeError, ValueError) as error:
        reason = f"metadata.json: {reason_of(error)}"
        raise damaged(builder.data_dir, reason) from error
    if not names:
        return ()
    images = "image was" if len(names) == 1 else "images were"
    return (f"{len(names):,} unreadable {images} skipped: {first_of(names)}",)


def _note_of_version(builder):
    try:
        current = tfds.builder_cls(builder.name).VERSION
    except tfds.core.DatasetNotFoundError:  # it is here only
        return ()
    if current is None or builder.version == current:
        return ()
    found = f"version {builder.version} of {builder.name} in {builder.data_dir}"
    return (f"{found} is read, tfds's own is {current}",)


def _root(data_dir):
    return Path(data_dir or tfds.core.constants.DATA_DIR)


def _open(name, config, known_names, data_dir):
    folder = _root(data_dir)
    folder /= f"not_mnist/{config}" if config else re.split("[:/]", name)[0]
    try:
        if config is not None:
            return not_mnist.Builder(config=config, data_dir=data_dir)
        # With a namespace ("huggingface:x") tfds would go to the network.
        if not re.fullmatch(r"\w+(/[\w.-]+)?(:[\d.]+)?", name):
            raise tfds.core.DatasetNotFoundError
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        if re.match(r"\w", name) and folder.is_dir():
            raise damaged(
                folder, "no version in it has a features.json that can be read"
            ) from error
        if Path(name).is_dir():
            raise DatasetChoiceError(
                f"there is no data set {name!r}: for your folder, use folder:{name}"
            ) from None
        names = [*known_names, *tfds.list_builders(with_community_datasets=False)]
        near = difflib.get_close_matches(name, dict.fromkeys(names)) or known_names
        raise DatasetChoiceError(
            f"there is no data set {name!r}: use {', '.join(near)}, or another name of "
            "https://www.tensorflow.org/datasets/catalog"
        ) from None
    # Damaged files, unknown versions and packages that a builder wants and lacks end in
    # nearly every type of exception here.
    except Exception as error:
        raise DatasetError(
            f"{name} cannot be opened ({reason_of(error)}): check the name, or, if "
            f"{folder} is damaged, move that away and get the set anew"
        ) from error


def _versions(builder):
    """The versions of a set that lie prepared beside that of the builder, sorted."""
    folder = Path(builder.data_dir).parent
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(
        tfds.core.Version(path.name)
        for path in found
        if tfds.core.Version.is_valid(path.name)
        and (path / "dataset_info.json").is_file()
    )


def _of_another_version(name, builder, resize):
    """The builder of the newest version that has the same examples; None without one.

    Versions with the same first number have (https://www.tensorflow.org/datasets/
    datasets_versioning). Where a person wrote the version, it alone is meant.
    """
    alike = [v for v in _versions(builder) if v.major == builder.version.major]
    if not alike or ":" in name:
        return None
    folder = Path(builder.data_dir).with_name(str(alike[-1]))
    try:
        found = tfds.builder_from_directory(folder)
    except Exception as error:  # as in _open
        raise damaged(folder, reason_of(error)) from error
    _check_features(name, found, resize)
    return found


def _check_features(name, builder, resize):
    is_dict = isinstance(builder.info.features, tfds.features.FeaturesDict)
    features = dict(builder.info.features.items()) if is_dict else {}
    image, label = features.get("image"), features.get("label")
    lacking = []
    is_image = isinstance(image, tfds.features.Image) and image.np_dtype == np.uint8
    *size, channels = image.shape if is_image else (None,)
    varies = None in size
    if channels is None or ((varies or resize) and channels not in resizing.CHANNELS):
        lacking.append(f"an 'image' of type uint8, grey or colour (it has {image})")
    if not (isinstance(label, tfds.features.ClassLabel) and label.num_classes):
        lacking.append(f"a 'label' that is a ClassLabel (it has {label})")
    if lacking:
        raise DatasetError(
            f"{name} is not for image classification, it lacks "
            f"{' and '.join(lacking)}: use another data set"
        )
    if varies and not resize:
        raise DatasetError(
            f"the pictures of {name} differ in size, and networks take one: add "
            f"--image_size {resizing.SUGGESTED}, or another height and width, to "
            "stretch them to it"
        )


def _prepare(name, builder, data_dir, manual_dir, download):
    root = Path(builder.data_dir_root).absolute()
    manual = Path(os.path.expanduser(manual_dir or root / "downloads" / "manual"))
    is_ours = isinstance(builder, not_mnist.Builder)
    absent = (_absent_archives if is_ours else downloads.absent_files)(builder, manual)
    # The other sets may need less than they have registered: where some of it lies
    # here, it is tried.
    by_hand = builder.MANUAL_DOWNLOAD_INSTRUCTIONS and manual_dir
    registered = len(builder.url_infos or ())
    lacking = bool(absent) if is_ours else len(absent) == registered and not by_hand
    if lacking and not download:
        wanted = absent if is_ours else {}
        raise NotPrepared(_missing(name, builder, data_dir, manual, wanted))
    if not files.is_writable(root):
        archive_flag = f" and --manual_dir {manual} for the archive" if is_ours else ""
        raise NotPrepared(
            f"{root}, where {name} would be prepared, cannot be written to: give "
            f"another --data_dir{archive_flag}"
        )

    def ask(url):
        if not download:
            wanted = {url: absent.get(url, url)}
            raise NotPrepared(_missing(name, builder, data_dir, manual, wanted))
        downloads.check_network(name, [url])

    if lacking:
        downloads.check_network(name, absent)
    elif not is_ours:
        downloads.ask_first(builder, ask)
    _run(name, builder, manual, try_download_gcs=lacking)


def _absent_archives(builder, manual):
    """The archives of notMNIST that lie nowhere: {URL: file name}, all its mirrors."""
    return {
        url: archive.name
        for archive in builder.builder_config.archives.values()
        if not (manual / archive.name).is_file()
        and not any(downloads.is_kept(builder, url) for url in archive.urls)
        for url in archive.urls
    }


def _run(name, builder, manual, **settings):
    """Has tfds prepare a set; what it says itself is held back."""
    print(
        f"preparing {name} in {builder.data_dir}: seconds if small, minutes if large",
        file=sys.stderr,
    )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(manual_dir=manual, **settings)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_config=config)
    except DatasetError:
        raise
    # A builder runs its own code and fails in its own ways. If another process prepared
    # the set meanwhile, there is nothing to complain of.
    except Exception as error:
        if not builder.data_path.exists():
            raise DatasetError(
                f"{name} could not be prepared in {builder.data_dir_root}: "
                f"{reason_of(error)}"
            ) from error


def _missing(name, builder, data_dir, manual, absent):
    command = [*resources.command_to_train(), "--dataset", name]
    if data_dir:
        command += ["--data_dir", str(data_dir)]
    text = f"{name} is not prepared in {builder.data_dir}"
    others = ", ".join(map(str, _versions(builder)))
    if others:
        text += f" (there is version {others}, and {builder.version} is wanted)"
    remedy = f"add --download ({shlex.join([*command, '--download'])})"
    if absent:
        names = " and ".join(dict.fromkeys(absent.values()))
        text += f", and {names} not in {manual}"
        remedy += f", or --manual_dir DIR where DIR holds {names}"
    return f"{text}: {remedy}"
