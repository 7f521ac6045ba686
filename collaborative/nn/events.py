"""A run's files for TensorBoard: scalars, settings (HParams) and sample images.

`train/` and `test/` (or `validation/`) are two runs of TensorBoard with the same tags,
so that one card, such as `error/ST`, shows both curves, in each run of a sweep. Costs
are `loss/ST`: HParams shows the first five of all last values in the order of their
names, and these are to be errors.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from collaborative.system import run_files

IMAGES = ("train", "validation", "test", "noisy_validation")  # what is measured on
SAMPLES = 16  # images that are shown


class Events:
    """Writes below a directory, which is made with the first thing that is written.

    Raises:
        OSError: from any method, where the disk is full.
    """

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._writers = {}

    def describe(self, settings, samples=None):
        """Writes what a run is, once.

        Args:
            settings: dict of plain values; HParams lists them beside the last errors.
            samples: uint8 images `[n, height, width, channels]` of which the first are
                shown, or None.
        """
        shown = {name: _shown(value) for name, value in settings.items()}
        # Its name in HParams.
        run = self._directory.absolute().parent.parts[-run_files.DEPTH :]
        with self._writing(""):
            hparams.hparams(shown, trial_id="/".join(run))
            if samples is not None:
                tf.summary.image("samples", samples[:SAMPLES], 0, max_outputs=SAMPLES)

    def scalars(self, values, step):
        """Writes what was measured of an epoch.

        Args:
            values: dict from a name of the history to a number: "ST/test_error" becomes
                `error/ST` of `test`, "ST/test_cost" `loss/ST`, "totals/train_loss"
                `totals/loss` of `train`, and "seconds" stays what it is.
            step: epochs done.
        """
        by_images = {}
        for name, value in values.items():
            images, tag = _placed(name)
            by_images.setdefault(images, {})[tag] = value
        for images, tagged in by_images.items():
            with self._writing(images):
                for tag, value in tagged.items():
                    tf.summary.scalar(tag, value, step=step)

    def close(self):
        """Ends the files; what is written later opens new ones."""
        while self._writers:
            self._writers.popitem()[1].close()

    @contextlib.contextmanager
    def _writing(self, images):
        with _full_disks_told():
            if images not in self._writers:
                directory = str(self._directory / images)
                self._writers[images] = tf.summary.create_file_writer(directory)
            writer = self._writers[images]
            with writer.as_default():
                yield
            writer.flush()


def _placed(name):
    """The images that a statistic was measured on, and its tag."""
    group, _, statistic = name.rpartition("/")
    images = next((i for i in IMAGES if statistic.startswith(f"{i}_")), "train")
    quantity = statistic.removeprefix(f"{images}_")
    if group in ("", "totals"):
        return images, "/".join(filter(None, (group, quantity)))
    return images, f"{quantity.replace('cost', 'loss')}/{group}"


def _shown(value):
    """A setting as HParams takes it."""
    if isinstance(value, bool | int | float | str):
        return value
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@contextlib.contextmanager
def _full_disks_told():
    """Raises TensorFlow's error of a full disk as the OSError that Python has for it.

    TensorFlow's own is the one that it has for memory too.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
