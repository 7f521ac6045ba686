"""Runs that validation images end, and whose averages or best weights are kept."""

import dataclasses

import keras
import numpy as np
import pytest
from small_models import StopAfter

from collaborative import datasets, register_callback, register_network
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.runs import reader, run_table
from collaborative.training import train as trainer

pytestmark = [pytest.mark.usefixtures("small_runs"), pytest.mark.eager]


@pytest.fixture
def config(registered):
    """Of a network whose dropout depends on the state of its seed."""

    @register_network("flat")
    def flat(input_shape, num_classes, seed):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        layers += [keras.layers.Dropout(0.5, seed=seed)]
        layers += [keras.layers.Dense(num_classes)]
        return keras.Sequential([keras.Input(input_shape), *layers])

    return ExperimentConfig(
        "tiny", members=("flat", "flat"), epochs=6, batch_size=32, validation=16,
        learning_rate=0.05, patience=2, keep="best", ema=0.9, optimizer="sgd",
        label_smoothing=0.1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(images_and_labels):
    """64 training, 16 validation and 16 test images in three classes."""
    images, labels = images_and_labels
    parts = (slice(0, 64), slice(64, 80), slice(80, 96))
    parts = [datasets.Examples(images[p], labels[p]) for p in parts]
    return datasets.Dataset("tiny", ("dark", "grey", "light"), *parts)


def scripted(monkeypatch, errors):
    """Has the validation errors of the ensemble be these, one an epoch."""
    from collaborative.nn import selection

    real = selection.Selection.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):
        real(self, epoch, {"val_ensemble_error": errors[epoch]})

    monkeypatch.setattr(selection.Selection, "on_epoch_end", on_epoch_end)


def test_an_interrupted_choice_goes_on_as_if_it_had_not_been(
    tmp_path, tiny, config, monkeypatch
):
    """Averages, patience and best weights, bit for bit; the best epoch is tested."""
    scripted(monkeypatch, [0.5, 0.25, 0.25, 0.3])
    said = []
    whole = trainer.train(config, tiny, tmp_path / "whole", say=said.append)
    assert said == [
        "stopped after epoch 4 of 6: 2 epochs without a lower error than in epoch 2, "
        "validation error 25.00 %",
        "keeps the weights of epoch 2: validation error 25.00 %",
    ]
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            stopped = [StopAfter(stop)]
            trainer.train(config, tiny, tmp_path / "parts", callbacks=stopped, say=len)
    parts = trainer.train(config, tiny, tmp_path / "parts", say=len)
    results = [result.statistics for result in (whole, parts)]
    for name, curves in results[0]["models"].items():
        for statistic, curve in curves.items():
            other = results[1]["models"][name][statistic]
            np.testing.assert_array_equal(curve, other)
    one, other = (
        keras.models.load_model(result.run_dir / "model.keras")
        for result in (whole, parts)
    )
    pairs = zip(
        [*one.variables, *one.optimizer.variables],
        [*other.variables, *other.optimizer.variables],
        strict=True,
    )
    for left, right in pairs:
        np.testing.assert_array_equal(left, right)
    curves = results[0]["models"]["ensemble"]
    assert np.isfinite(curves["test_error"]).tolist() == [False, True, False, False]
    assert reader.kept_epoch(curves) == 2
    # What was measured in the epoch that is kept is what the saved model does.
    part = tiny.validation
    found = one.evaluate(part.images, part.labels, verbose=0, return_dict=True)
    for name, values in results[0]["models"].items():
        assert found[f"{name}_cost"] == values["validation_cost"][1]
    runs = run_table.load_runs(tmp_path / "whole", say=lambda line: pytest.fail(line))
    final = run_table.final_epochs(runs)
    assert set(final["epoch"]) == {2} and runs["epoch"].max() == 4


def test_a_run_that_was_killed_when_it_had_stopped_is_finished(
    tmp_path, tiny, config, monkeypatch
):
    scripted(monkeypatch, [0.25, 0.5, 0.5])

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_finish", killed)
        trainer.train(config, tiny, tmp_path, say=len)
    result = trainer.train(config, tiny, tmp_path, say=len)
    curves = result.statistics["models"]["ensemble"]
    assert len(curves["test_error"]) == 3 and reader.kept_epoch(curves) == 1


def test_test_images_choose_nothing(tmp_path, tiny, config):
    own = dataclasses.replace(config, dataset="folder:tiny", validation=0)
    none = dataclasses.replace(tiny, validation=tiny.validation.part(slice(0)))
    with pytest.raises(ConfigError, match="patience needs validation images"):
        trainer.train(own, none, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make, ema, message",
    [
        (keras.callbacks.SwapEMAWeights, 0.9, "does what --ema does: leave one out"),
        (
            lambda: keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            0.0,
            "averages are lost where training is stopped early",
        ),
        (
            lambda: keras.callbacks.EarlyStopping(restore_best_weights=True),
            0.0,
            "keep other weights than were measured last: use --patience and --keep",
        ),
    ],
)
def test_callbacks_that_would_keep_what_was_not_measured(
    make, ema, message, tmp_path, tiny, config
):
    register_callback("own")(lambda: make())
    own = dataclasses.replace(config, callbacks=("own",), ema=ema)
    with pytest.raises(ConfigError, match=message):
        trainer.train(own, tiny, tmp_path)


def test_noisy_validation_images_are_measured_once(tmp_path, tiny, config):
    """Their errors are those of the weights that are kept, against the wrong labels."""
    noisy = datasets.with_label_noise(tiny, 0.5, 1)
    few = dataclasses.replace(config, epochs=2, label_noise=0.5, small_loss=0.5)
    result = trainer.train(few, noisy, tmp_path, say=len)
    models = result.statistics["models"]
    curves = models["ensemble"]["noisy_validation_error"]
    kept = reader.kept_epoch(models["ensemble"]) - 1
    saved = keras.models.load_model(result.run_dir / "model.keras")
    part = noisy.noisy_validation
    answers = saved.predict(part.images, verbose=0).argmax(axis=1)
    assert np.isfinite(curves).sum() == 1
    assert curves[kept] == pytest.approx(np.mean(answers != part.labels))
    runs = run_table.load_runs(tmp_path, say=lambda line: pytest.fail(line))
    final = run_table.final_epochs(runs).set_index("model")
    assert final.loc["ensemble", run_table.CHOSEN_BY_NOISY] == curves[kept]
