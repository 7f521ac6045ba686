"""What a run logs: statistics, curves, events, and checkpoints to go on from."""

import shutil
import warnings
from unittest import mock

import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from small_models import compiled, ensemble
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata

from collaborative import logger
from collaborative.nn import checkpoint, events
from collaborative.runs import reader
from collaborative.system import drawing

pytestmark = pytest.mark.eager
PARAMS = {"dataset": "test", "members": ["a", "b"]}


def logged_fit(run_dir, data, epochs=3, draw=lambda *_: Figure((1, 1)), **kwargs):
    """Trains a small ensemble with a Logger, with empty curves; returns both."""
    log = logger.Logger(run_dir, PARAMS, **kwargs)
    model = compiled(ensemble(), optimizer=keras.optimizers.Adam(0.01))
    images, labels = data
    with mock.patch.object(logger, "draw_curves", draw):
        model.fit(
            images[:64],
            labels[:64],
            batch_size=32,
            epochs=epochs,
            shuffle=False,
            validation_data=(images[64:], labels[64:]),
            callbacks=[log],
            verbose=0,
        )
    return log, model


def events_of(directory):
    """What TensorBoard itself reads of a directory."""
    return event_accumulator.EventAccumulator(str(directory)).Reload()


@pytest.fixture(scope="module")
def logged(tmp_path_factory, images_and_labels):
    """(directory, model) of three epochs with their curves; only to be read."""
    run_dir = tmp_path_factory.mktemp("logged")
    _, model = logged_fit(run_dir, images_and_labels, draw=logger.draw_curves)
    return run_dir, model


@pytest.fixture
def copy(logged, tmp_path):
    """A copy of that directory."""
    return shutil.copytree(logged[0], tmp_path / "copy")


def test_statistics_are_what_keras_reports(logged):
    run_dir, model = logged
    statistics = reader.read_statistics(run_dir / "stats.pkl")
    history = model.history.history
    assert set(statistics["models"]) == {"a", "b", "ensemble"}
    for name, curves in statistics["models"].items():
        assert set(curves) == {
            "train_error",
            "train_cost",
            "train_error_running",
            "train_cost_running",
            "test_error",
            "test_cost",
        }
        for quantity in ("error", "cost", "error_running", "cost_running"):
            curve = curves[f"train_{quantity}"]
            assert (curve.dtype, curve.shape) == (np.float64, (3,))
            np.testing.assert_array_equal(curve, history[f"{name}_{quantity}"])
        for quantity in ("error", "cost"):
            curve = curves[f"test_{quantity}"]
            np.testing.assert_array_equal(curve, history[f"val_{name}_{quantity}"])
    np.testing.assert_array_equal(statistics["totals"]["train_loss"], history["loss"])
    assert "test_collaboration_cost" in statistics["totals"]
    assert statistics["params"] == PARAMS
    assert statistics["end_time"] is None
    assert statistics["seconds"].shape == statistics["learning_rate"].shape == (3,)


def test_files_of_a_run(logged):
    run_dir, _ = logged
    names = {path.name for path in run_dir.iterdir()}
    assert names == {
        "stats.pkl", "error.png", "cost.png", "tensorboard", "checkpoint"
    }  # fmt: skip
    for name in ("error.png", "cost.png"):
        assert matplotlib.image.imread(run_dir / name).std() > 0
    checkpoints = sorted(p.name for p in (run_dir / "checkpoint").iterdir())
    assert checkpoints == ["epoch_0002.npz", "epoch_0003.npz"]
    assert list(checkpoint.settings(run_dir / "checkpoint").values()) == [PARAMS] * 2


def test_tensorboard_has_the_scalars(logged):
    run_dir, _ = logged
    statistics = reader.read_statistics(run_dir / "stats.pkl")
    tags = set()
    for images in ("train", "test"):
        found = events_of(run_dir / "tensorboard" / images)
        for name in ("a", "b", "ensemble"):
            for quantity, tag in (("error", "error"), ("cost", "loss")):
                read = found.Tensors(f"{tag}/{name}")
                assert [event.step for event in read] == [1, 2, 3]
                values = [float(tf.make_ndarray(event.tensor_proto)) for event in read]
                expected = statistics["models"][name][f"{images}_{quantity}"]
                np.testing.assert_allclose(values, expected, rtol=1e-6)
        tags |= set(found.Tags()["tensors"])
    assert {"totals/loss", "learning_rate", "seconds", "error_running/a"} <= tags
    of_models = sorted(tag for tag in tags if tag.endswith(("/a", "/b", "/ensemble")))
    # TensorBoard's table of HParams shows the first five.
    assert {tag.partition("/")[0] for tag in of_models[:3]} == {"error"}


def test_tensorboard_has_the_settings_and_samples_once(tmp_path, images_and_labels):
    images = (255 * np.random.default_rng(0).random((20, 8, 8, 1))).astype(np.uint8)
    logged_fit(tmp_path, images_and_labels, samples=images)
    found = events_of(tmp_path / "tensorboard")
    content = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    session = metadata.parse_session_start_info_plugin_data(content)
    assert session.group_name == "/".join(tmp_path.parts[-4:])  # no absolute path
    settings = session.hparams
    read = {name: value.string_value for name, value in settings.items()}
    assert read == {"dataset": "test", "members": "a-b"}
    (event,) = found.Tensors("samples")
    width, height, *pngs = tf.make_ndarray(event.tensor_proto)
    assert (width, height, len(pngs)) == (b"8", b"8", events.SAMPLES)
    first = tf.io.decode_png(pngs[0]).numpy()
    np.testing.assert_array_equal(first, images[0])


def test_tensorboard_has_the_test_set_measured_after_validation(
    tmp_path, images_and_labels
):
    log, model = logged_fit(tmp_path, images_and_labels, held_out="validation")
    results = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    log.finish({}, {"test": results})
    (event,) = events_of(tmp_path / "tensorboard" / "test").Tensors("error/a")
    assert event.step == 3
    value = float(tf.make_ndarray(event.tensor_proto))
    assert value == pytest.approx(results["a_error"])
    assert (tmp_path / "tensorboard" / "validation").is_dir()


def test_noisy_validation_images_have_a_run_of_tensorboard(tmp_path, images_and_labels):
    log, _ = logged_fit(tmp_path, images_and_labels, epochs=1, held_out="validation")
    log.finish({}, {"noisy_validation": {"a_error": 0.25}})
    found = events_of(tmp_path / "tensorboard" / "noisy_validation")
    (event,) = found.Tensors("error/a")
    assert float(tf.make_ndarray(event.tensor_proto)) == 0.25


@pytest.mark.parametrize("name", ["cost", "cost_a", "a_error"])
def test_statistics_of_members_named_like_statistics_stay_apart(name, tmp_path):
    log = logger.Logger(tmp_path, PARAMS)
    log.set_model(mock.Mock(predictor_names=("a", name)))
    log.history = {"seconds": [1.0]}
    log.finish({}, {"test": {"a_error": 0.25, f"{name}_error": 0.5}})
    models = reader.read_statistics(tmp_path / "stats.pkl")["models"]
    assert models == {"a": {"test_error": [0.25]}, name: {"test_error": [0.5]}}


def test_finish_marks_the_end(tmp_path, images_and_labels):
    log, _ = logged_fit(tmp_path, images_and_labels, epochs=1)
    log.finish({"answers": {"a": np.arange(3)}})
    statistics = reader.read_statistics(tmp_path / "stats.pkl")
    assert statistics["end_time"] >= statistics["start_time"]


def test_test_set_is_measured_once_where_epochs_are_measured_on_validation(
    tmp_path, images_and_labels
):
    log, model = logged_fit(tmp_path, images_and_labels, held_out="validation")
    results = model.evaluate(*images_and_labels, verbose=0, return_dict=True)
    log.finish({}, {"test": results})
    curves = reader.read_statistics(tmp_path / "stats.pkl")["models"]["a"]
    assert np.isfinite(curves["validation_error"]).all()
    assert np.isnan(curves["test_error"][:-1]).all()
    assert curves["test_error"][-1] == results["a_error"]


def test_restore_goes_on_exactly(tmp_path, images_and_labels):
    data = images_and_labels
    _, whole = logged_fit(tmp_path / "whole", data, epochs=4)
    logged_fit(tmp_path / "parts", data, epochs=2)
    log = logger.Logger(tmp_path / "parts", PARAMS)
    model = compiled(ensemble(), optimizer=keras.optimizers.Adam(0.01))
    log.set_model(model)
    assert log.restore() == (2, [])
    images, labels = data
    model.fit(
        images[:64],
        labels[:64],
        batch_size=32,
        initial_epoch=2,
        epochs=4,
        shuffle=False,
        validation_data=(images[64:], labels[64:]),
        callbacks=[log],
        verbose=0,
    )
    for one, other in zip(whole.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    one, other = (
        reader.read_statistics(tmp_path / part / "stats.pkl")
        for part in ("whole", "parts")
    )
    for name, curves in one["models"].items():
        for statistic, curve in curves.items():
            np.testing.assert_array_equal(curve, other["models"][name][statistic])


def test_damaged_checkpoint_falls_back_to_the_one_before(copy):
    newest = copy / "checkpoint" / "epoch_0003.npz"
    content = bytearray(newest.read_bytes())
    content[content.index(b"NUMPY") + 100] ^= 1  # in the first array
    newest.write_bytes(content)
    log = logger.Logger(copy, PARAMS)
    log.set_model(compiled(ensemble()))
    assert log.restore() == (2, [newest])
    assert len(log.history["learning_rate"]) == 2
    newest.write_bytes(content[:1000])
    assert log.restore() == (2, [newest])


@pytest.mark.parametrize("name", ["epoch_0002.npz", "epoch_0007.npz"])
def test_a_checkpoint_of_another_epoch_than_its_name_is_passed_over(copy, name):
    (copy / "checkpoint" / "epoch_0003.npz").rename(copy / "checkpoint" / name)
    log = logger.Logger(copy, PARAMS)
    log.set_model(compiled(ensemble()))
    done, damaged = log.restore()
    assert done == (0 if name == "epoch_0002.npz" else 2)
    assert damaged == [copy / "checkpoint" / name]
    assert checkpoint.newest(copy / "checkpoint") == done


def test_a_folder_named_as_a_checkpoint_is_none(copy):
    (copy / "checkpoint" / "epoch_0001.npz").mkdir()
    log = logger.Logger(copy, PARAMS)
    log.set_model(model := compiled(ensemble()))
    assert log.restore() == (3, [])
    checkpoint.save(copy / "checkpoint", 4, model, {}, PARAMS)  # removes older ones
    assert len(list((copy / "checkpoint").iterdir())) == 3


def test_checkpoint_of_another_model_is_passed_over(tmp_path, images_and_labels):
    logged_fit(tmp_path, images_and_labels, epochs=1)
    other = compiled(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    done, statistics, damaged = checkpoint.restore(tmp_path / "checkpoint", other)
    assert (done, statistics, len(damaged)) == (0, {}, 1)


def test_diverged_training_stops_at_once_and_keeps_the_log(copy, images_and_labels):
    images, labels = images_and_labels
    before = (copy / "stats.pkl").read_bytes()
    model = compiled(ensemble(), optimizer=keras.optimizers.SGD(float("inf")))
    log = logger.Logger(copy, PARAMS)
    with pytest.raises(logger.TrainingDiverged, match="cost is nan at step"):
        model.fit(images, labels, batch_size=32, callbacks=[log], verbose=0)
    assert (copy / "stats.pkl").read_bytes() == before


@pytest.mark.parametrize("quantity", ["error", "cost"])
def test_curves_of_any_names_and_numbers(quantity, tmp_path):
    """No formula, no name left out, and nothing to draw is no warning."""
    names = ["$a$", "_b", "猫", "c_1", "ensemble"]
    for values in ([0.5, 0.25], [0.5], [0.0, 0.0], [np.nan, 0.5], [np.nan], [np.inf]):
        curves = {f"test_{quantity}": np.array(values)}
        for models in (dict.fromkeys(names, curves), {}):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                figure = logger.draw_curves(models, quantity)
                figure.set_dpi(20)
                drawing.save(figure, tmp_path / "x.png")
            legend = figure.axes[0].get_legend()
            shown = [t.get_text() for t in legend.get_texts()] if legend else []
            drawn = bool(models) and bool(np.isfinite(values).any())
            assert [n for n in shown if n[:2] == "_b"] == ["_b, test"] * drawn
            assert ("$a$, test" in shown) == drawn


def test_a_full_disk_is_not_taken_for_a_lack_of_memory(tmp_path, images_and_labels):
    """TensorFlow has one error for both."""
    log, _ = logged_fit(tmp_path, images_and_labels, epochs=1)

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    log.on_train_begin()
    with (
        mock.patch.object(tf.summary, "scalar", full),
        pytest.raises(OSError, match="No space left on device"),
    ):
        log.finish({}, {"test": {"a_error": 0.5}})
