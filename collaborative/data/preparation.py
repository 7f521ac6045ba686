"""Finding, getting and reading the prepared data sets of tfds (section 3.1.4).

A set is read from data_dir if it lies there prepared. notMNIST is prepared from the
archives in manual_dir if they are there; everything else is downloaded only if asked
for. What can go wrong is said in one line, and soon: without a network tfds itself
retries for minutes. Importing this module imports neither TensorFlow nor tfds.
"""

import contextlib
import difflib
import io
import os
import re
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from etils import epy

from collaborative.system.errors import UserError

with epy.lazy_imports():
    import tensorflow as tf
    import tensorflow_datasets as tfds

    from collaborative.data.not_mnist import not_mnist_dataset_builder as not_mnist

_READ_BATCH = 1024
_NAMES_TOLD = 10  # unreadable images that a note names
_HOSTS_TRIED, _HOST_TIMEOUT = 3, 5  # timeout in seconds


class DatasetError(UserError):
    """A data set cannot be had as asked for; the message is one line for a person."""


class DatasetChoiceError(DatasetError):
    """A wrong name, split or number was asked for; the message says what is allowed."""

    status = 2


def prepared_builder(
    name: str,
    config: str | None,
    known_names: tuple[str, ...],
    data_dir: str | os.PathLike | None,
    manual_dir: str | os.PathLike | None,
    download: bool,
) -> "tfds.core.DatasetBuilder":
    """The builder of a set that is prepared, after preparing it if need be.

    Args:
        name: what a person calls the set.
        config: of our notMNIST builder; None if the set is one of tfds.
        known_names: other names to suggest where tfds does not know this one.
        data_dir: of prepared sets; None is tfds's own default.
        manual_dir: of archives; None is `downloads/manual` in data_dir.
        download: get the set if it is missing.

    Raises:
        DatasetError: the set is unknown, unfit, missing, damaged or cannot be got.
    """
    data_dir = data_dir and Path(data_dir).expanduser()
    builder = _open(name, config, known_names, data_dir)
    _check_features(name, builder)
    if not builder.data_path.exists():
        _prepare(name, builder, data_dir, manual_dir, download)
        # The builder that prepared a set still has the paths of its temporary folder.
        builder = _open(name, config, known_names, data_dir)
    # builder.is_prepared() is the same, with warnings of its own.
    if not (builder.data_path / "dataset_info.json").exists():
        raise _damaged(builder, "it has no dataset_info.json")
    return builder


def notes(builder: "tfds.core.DatasetBuilder") -> tuple[str, ...]:
    """What a person should be told of a prepared set: which images were skipped."""
    if not isinstance(builder, not_mnist.Builder):
        return ()
    try:
        by_split = builder.info.metadata.get("unreadable", {})
        names = [name for split in sorted(by_split) for name in by_split[split]]
    except (OSError, TypeError, ValueError) as error:
        raise _damaged(builder, f"metadata.json: {_first_line(error)}") from error
    if not names:
        return ()
    told = ", ".join(names[:_NAMES_TOLD])
    if len(names) > _NAMES_TOLD:
        told += f" and {len(names) - _NAMES_TOLD:,} more"
    images = "image was" if len(names) == 1 else "images were"
    return (f"{len(names):,} unreadable {images} skipped: {told}",)


def check_splits(
    name: str, builder: "tfds.core.DatasetBuilder", wanted: tuple[str, ...]
) -> None:
    """Raises DatasetError if a prepared set lacks one of the wanted splits."""
    lacking = [split for split in wanted if split not in builder.info.splits]
    if lacking:
        raise DatasetError(
            f"{name} lacks the split {' and '.join(lacking)}, it has "
            f"{', '.join(builder.info.splits) or 'none'}: use another split or data set"
        )


def read_shuffled(
    name: str, builder: "tfds.core.DatasetBuilder", splits: tuple[str, ...], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Reads splits of a prepared set, pooled and shuffled with the seed.

    Every example is read straight to its place, so that there is one copy of them.

    Returns:
        (images uint8 `[n, height, width, channels]`, labels int64 `[n]`).

    Raises:
        DatasetError: the files are damaged or not what `dataset_info.json` says, or
            labels are not those of the classes.
    """
    info = builder.info
    count = sum(info.splits[split].num_examples for split in splits)
    shape = info.features["image"].shape
    images, labels = np.empty((count, *shape), np.uint8), np.empty(count, np.int64)
    places = np.argsort(np.random.default_rng(seed).permutation(count))
    done = 0
    for some_images, some_labels in _stored_batches(builder, splits):
        if some_images.shape[1:] != shape:
            raise _damaged(builder, f"images are {some_images.shape[1:]}, not {shape}")
        where = places[done : done + len(some_labels)]
        images[where], labels[where] = some_images, some_labels
        done += len(some_labels)
    _check_labels(name, labels, info.features["label"].num_classes)
    return images, labels


def _check_labels(name, labels, num_classes):
    if not len(labels):
        raise DatasetError(f"{name} holds no images: use another split or data set")
    low, high = labels.min(), labels.max()
    if low < 0 or high >= num_classes:
        raise DatasetError(
            f"{name} has labels from {low} to {high}, wanted are 0 to "
            f"{num_classes - 1}: use another split or data set"
        )


def _stored_batches(builder, splits):
    """Yields (images, labels) of the splits in the order they are stored."""
    # One file after the other, so that the order is the same on every machine.
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    for split in splits:
        try:
            examples = builder.as_dataset(split=split, read_config=config)
            pairs = examples.map(lambda example: (example["image"], example["label"]))
            yield from pairs.batch(_READ_BATCH).as_numpy_iterator()
        except (
            tf.errors.DataLossError,
            tf.errors.FailedPreconditionError,
            tf.errors.InvalidArgumentError,
            tf.errors.NotFoundError,
            tf.errors.PermissionDeniedError,
        ) as error:
            raise _damaged(builder, f"{split}: {_first_line(error)}") from error


def _damaged(builder, reason):
    return DatasetError(
        f"{builder.data_dir} is damaged ({reason}): move it away and get the set anew"
    )


def _first_line(error):
    """The reason in an error text, without what TensorFlow and tfds put around it."""
    around = r"\{\{.*?\}\}|\[Op:\w*\].*|Failed to construct dataset \".*?\}\": "
    text = re.sub(around, "", str(error)).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _open(name, config, known_names, data_dir):
    try:
        if config is not None:
            return not_mnist.Builder(config=config, data_dir=data_dir)
        # With a namespace ("huggingface:x") tfds would go to the network.
        if not re.fullmatch(r"\w+(/[\w.-]+)?(:[\d.]+)?", name):
            raise tfds.core.DatasetNotFoundError
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        names = [*known_names, *tfds.list_builders(with_community_datasets=False)]
        near = difflib.get_close_matches(name, dict.fromkeys(names)) or known_names
        raise DatasetChoiceError(
            f"there is no data set {name!r}: use {', '.join(near)}, or another name of "
            "https://www.tensorflow.org/datasets/catalog"
        ) from None
    # Damaged files, unknown versions and packages that a builder wants and lacks end in
    # nearly every type of exception here.
    except Exception as error:
        root = Path(data_dir or tfds.core.constants.DATA_DIR)
        folder = root / (f"not_mnist/{config}" if config else name.partition(":")[0])
        raise DatasetError(
            f"{name} cannot be opened ({_first_line(error)}): check the name, or, if "
            f"{folder} is damaged, move that away and get the set anew"
        ) from error


def _check_features(name, builder):
    is_dict = isinstance(builder.info.features, tfds.features.FeaturesDict)
    features = dict(builder.info.features.items()) if is_dict else {}
    image, label = features.get("image"), features.get("label")
    lacking = []
    is_image = isinstance(image, tfds.features.Image)
    if not (is_image and None not in image.shape and image.np_dtype == np.uint8):
        lacking.append(f"an 'image' of fixed shape and type uint8 (it has {image})")
    if not (isinstance(label, tfds.features.ClassLabel) and label.num_classes):
        lacking.append(f"a 'label' that is a ClassLabel (it has {label})")
    if lacking:
        raise DatasetError(
            f"{name} is not for image classification, it lacks "
            f"{' and '.join(lacking)}: use another data set"
        )


def _prepare(name, builder, data_dir, manual_dir, download):
    root = Path(builder.data_dir_root).absolute()
    manual = Path(manual_dir or root / "downloads" / "manual").expanduser()
    is_ours = isinstance(builder, not_mnist.Builder)
    archives = builder.builder_config.archives.values() if is_ours else ()
    absent = [archive for archive in archives if not (manual / archive.name).is_file()]
    if not download and (absent or not is_ours):
        raise DatasetError(_missing(name, builder, data_dir, manual, absent))
    if not _is_writable(root):
        archive_flag = f" and --manual_dir {manual} for the archive" if is_ours else ""
        raise DatasetError(
            f"{root}, where {name} would be prepared, cannot be written to: give "
            f"another --data_dir{archive_flag}"
        )
    if absent or not is_ours:
        urls = [url for archive in absent for url in archive.urls]
        _check_network(name, urls or list(builder.url_infos or ()))
    print(
        f"preparing {name} in {builder.data_dir}: seconds if small, minutes if large",
        file=sys.stderr,
    )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(manual_dir=manual)
    try:
        # tfds says on standard output what is said above.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_config=config)
    # A builder runs its own code and fails in its own ways. If another process prepared
    # the set meanwhile, there is nothing to complain of.
    except Exception as error:
        if not builder.data_path.exists():
            raise DatasetError(
                f"{name} could not be prepared in {root}: {_first_line(error)}"
            ) from error


def _missing(name, builder, data_dir, manual, absent):
    command = ["python", "run_experiments.py", "--dataset", name]
    if data_dir:
        command += ["--data_dir", str(data_dir)]
    text = f"{name} is not prepared in {builder.data_dir}"
    remedy = f"add --download ({shlex.join([*command, '--download'])})"
    if absent:
        names = " and ".join(archive.name for archive in absent)
        text += f", and {names} not in {manual}"
        remedy += f", or --manual_dir DIR where DIR holds {names}"
    return f"{text}: {remedy}"


def _is_writable(folder):
    """Whether files can be made in a folder or, if missing, in the one above."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    # Root may write everywhere, but a folder without any write permission is not meant
    # to be written.
    may_write = there.stat().st_mode & 0o222 and os.access(there, os.W_OK | os.X_OK)
    return there.is_dir() and may_write


def _check_network(name, urls):
    """Fails within seconds, where tfds would try for minutes, if no host answers."""
    by_host = {urlsplit(url).netloc: url for url in urls if url.startswith("http")}
    failure = None
    for host, url in list(by_host.items())[:_HOSTS_TRIED]:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=_HOST_TIMEOUT).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError as error:
            failure = failure or f"{host}: {_first_line(error)}"
    if failure:
        raise DatasetError(
            f"{name} cannot be downloaded, its host cannot be reached ({failure}): try "
            "again with a network, or copy a prepared set into --data_dir"
        )
