"""A run whose callback fails: what it had stays, and it goes on from there."""

import keras
import numpy as np
import pytest
from small_models import linear

from collaborative import datasets, register_callback, register_network
from collaborative.experiments.config import ExperimentConfig
from collaborative.nn.callbacks import CALLBACKS, FailedCallback
from collaborative.training.train import train


class FailsAfterTwo(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise OSError("the server is gone")


def silent(_):
    pass


def run(data, log_dir, make):
    config = ExperimentConfig(
        "tiny", members=("a", "b"), epochs=3, batch_size=32, callbacks=("own",)
    )
    CALLBACKS["own"] = make  # as a plugin that was mended has it
    return train(config, data, log_dir, say=silent)


def test_it_goes_on_after_its_last_whole_epoch(
    tmp_path, registered, small_runs, images_and_labels
):
    for name in "ab":
        register_network(name)(lambda shape, classes, name: linear(name, classes))
    register_callback("own")(keras.callbacks.Callback)
    parts = datasets.Examples(*images_and_labels)
    data = datasets.Dataset("tiny", tuple("abc"), parts, parts.part(slice(0)), parts)
    whole = run(data, tmp_path / "whole", keras.callbacks.Callback)
    with pytest.raises(FailedCallback, match="own, on_epoch_end: OSError: the server"):
        run(data, tmp_path / "parts", FailsAfterTwo)
    resumed = run(data, tmp_path / "parts", keras.callbacks.Callback)
    for name, curves in whole.statistics["models"].items():
        for statistic, values in curves.items():
            found = resumed.statistics["models"][name][statistic]
            np.testing.assert_array_equal(found, values)
