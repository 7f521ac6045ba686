"""Logs of a run: pickled epoch statistics, curves, TensorBoard files, checkpoints.

Section 5.1 of the paper: "generating pyplot graphs, and writing this data to disk at
the end of each epoch". Remark 5.1 has the training statistics as running means and
wishes for means over the epoch; both are logged, side by side.

What `stats.pkl` holds is said in `runs.reader`, which reads it.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import pickle
import time

import keras
import numpy as np
from matplotlib.figure import Figure

from collaborative.nn import checkpoint, events
from collaborative.nn.member_optimizers import learning_rates
from collaborative.system import drawing, files, interruption, run_files
from collaborative.system.errors import UserError

# Of each predictor; in training also means that weigh the newest batches most.
MEASURED = ("error", "cost", "error_running", "cost_running")
TOTALS = ("loss", "collaboration_cost", "weight_decay", "alpha", "unlabeled_cost")


class TrainingDiverged(UserError):
    """The total cost is no longer a finite number."""


class Logger(keras.callbacks.Callback):
    """Writes the files of a run at the end of each epoch.

    Args:
        run_dir: directory of the run; made if it is not there.
        params: settings to keep with the statistics, plain values.
        held_out: what the validation data given to `fit` is: "test" or "validation".
        samples: uint8 training images `[n, height, width, channels]`, of which
            TensorBoard shows the first, or None.
        selection: a `Selection`, which is called before this, or None.

    The model must be a `SingleModel` or an `EnsembleModel`. Files: `stats.pkl`,
    `error.png`, `cost.png`, `tensorboard/`, `checkpoint/`.

    Raises:
        TrainingDiverged: at the first step whose total cost is not finite; what was
            logged before stays.
        OSError: where the disk is full; the files that were there before stay.
    """

    def __init__(self, run_dir, params, held_out="test", samples=None, selection=None):
        super().__init__()
        self.run_dir = pathlib.Path(run_dir)
        self.settings = dict(params)  # Keras sets `params` to other things
        self.held_out = held_out
        self.start_time = time.time()
        self.history = {}  # "<name>/<statistic>" -> list of floats, one an epoch
        self._samples = samples
        self.selection = selection
        self._events = events.Events(self.run_dir / run_files.TENSORBOARD)
        self._epoch_started = None
        self._learning_rates = {}

    def restore(self):
        """Goes back to the newest checkpoint; call it after `compile`, before `fit`.

        Returns:
            (epochs done, paths of damaged checkpoints that were passed over).
        """
        done, arrays, damaged = checkpoint.restore(
            self.run_dir / run_files.CHECKPOINTS, self.model
        )
        if done:
            self.start_time = float(arrays.pop("start_time"))
            if self.selection:
                self.selection.restore(arrays)
            self.history = {name: list(values) for name, values in arrays.items()}
        return done, damaged

    def on_train_begin(self, logs=None):
        self.run_dir.mkdir(parents=True, exist_ok=True)
        files.remove_temporary(self.run_dir)
        if not self.history:
            self._events.describe(self.settings, self._samples)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_started = time.perf_counter()
        self._learning_rates = learning_rates(self.model.optimizer)

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            step = (batch + 1) * self.model.steps_of_a_call - 1
            raise TrainingDiverged(
                f"the total cost is {logs['loss']} at step {step}: lower the learning "
                "rate or, where members collaborate, its weight"
            )

    def on_epoch_end(self, epoch, logs=None):
        self._record(logs)
        arrays = {name: np.array(values) for name, values in self.history.items()}
        arrays["start_time"] = np.array(self.start_time)
        arrays |= self.selection.arrays() if self.selection else {}
        with interruption.held_back():
            # The checkpoint first: what `stats.pkl` has must never be trained again.
            directory = self.run_dir / run_files.CHECKPOINTS
            checkpoint.save(directory, epoch + 1, self.model, arrays, self.settings)
            self.write()
            self._write_scalars(self.history, epoch + 1)

    def on_train_end(self, logs=None):
        self._events.close()

    def finish(self, record, results=None):
        """Marks the run as done; call it last, once the model is saved.

        Args:
            record: what `final_record` says of the trained model.
            results: by name of images, "test" where the epochs were measured on
                validation images, their metrics with the weights that are kept.
        """
        measured = {}
        for images, metrics in (results or {}).items():
            measured |= self._split(metrics, images)
        epochs = len(self.history["seconds"])
        kept = self.selection.kept_epoch if self.selection else epochs
        for name, value in measured.items():
            self.history[name] = [math.nan] * epochs
            self.history[name][kept - 1] = value
        self._write_scalars(measured, kept)
        self._events.close()
        self.write(end_time=time.time(), evaluation=record)

    def write(self, end_time=None, **further):
        """Draws the curves and writes `stats.pkl`, with further entries."""
        statistics = self.statistics() | {"end_time": end_time} | further
        for quantity, name in run_files.CURVES.items():
            with files.replacing(self.run_dir / name) as path:
                drawing.save(draw_curves(statistics["models"], quantity), path)
        # Last: with its end time, the run is finished.
        with files.replacing(self.run_dir / run_files.STATISTICS) as path:
            path.write_bytes(pickle.dumps(statistics, protocol=4))

    def statistics(self):
        """What `stats.pkl` holds, as `runs.reader` has it."""
        statistics = {
            "params": self.settings,
            "start_time": self.start_time,
            "models": {name: {} for name in self.model.predictor_names},
            "totals": {},
        }
        for name, values in self.history.items():
            group, _, statistic = name.partition("/")
            array = np.array(values, dtype=np.float64)
            if not statistic:
                statistics[group] = array
            elif group == "totals":
                statistics["totals"][statistic] = array
            else:
                statistics["models"][group][statistic] = array
        return statistics

    def _record(self, logs):
        held_out = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        training = {k: v for k, v in logs.items() if not k.startswith("val_")}
        recorded = [
            *self._split(training, "train"),
            *self._split(held_out, self.held_out),
            *self._learning_rates.items(),
            ("seconds", time.perf_counter() - self._epoch_started),
        ]
        for name, value in recorded:
            self.history.setdefault(name, []).append(value)

    def _split(self, logs, images):
        """Pairs (name in the history, value) of metrics measured on `images`."""
        places = {total: f"totals/{images}_{total}" for total in TOTALS}
        for predictor, statistic in itertools.product(
            self.model.predictor_names, MEASURED
        ):
            places[f"{predictor}_{statistic}"] = f"{predictor}/{images}_{statistic}"
        for metric, value in logs.items():
            if metric in places:
                yield places[metric], value

    def _write_scalars(self, names, epoch):
        values = {name: self.history[name][epoch - 1] for name in names}
        self._events.scalars(values, step=epoch)


def draw_curves(models, quantity):
    """Draws training and held-out curves of each model over the epochs.

    Args:
        models: dict from name to dict of arrays, as in `stats.pkl`.
        quantity: "error" (drawn in %) or "cost".

    Returns:
        A matplotlib figure.
    """
    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    axes = figure.add_subplot(
        xlabel="epoch", ylabel="error (%)" if quantity == "error" else "cost"
    )
    styles = {"train": ":", "validation": "--", "test": "-"}
    lines = {}
    for index, (name, curves) in enumerate(models.items()):
        for images, style in styles.items():
            values = curves.get(f"{images}_{quantity}")
            if values is None or not np.isfinite(values).any():
                continue
            epochs = np.arange(1, len(values) + 1)
            percent = 100 if quantity == "error" else 1
            (lines[f"{name}, {images}"],) = axes.plot(
                epochs,
                percent * values,
                style,
                color=f"C{index}",
                marker="." if np.isfinite(values).sum() == 1 else None,
            )
    positive = any((line.get_ydata() > 0).any() for line in lines.values())
    if quantity == "cost" and positive:
        axes.set_yscale("log")  # the first epochs would flatten the others
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if lines:  # given, as matplotlib leaves out names that begin with "_"
        axes.legend(lines.values(), lines.keys())
    return figure
