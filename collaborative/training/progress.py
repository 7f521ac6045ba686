"""What a person sees of a run: its progress, and the table at its end."""

from __future__ import annotations

import sys
import time

import keras
import tqdm

from collaborative.runs.reader import has_unequal_classes
from collaborative.system import text_table


class Progress(keras.callbacks.Callback):
    """A bar with the time left, and one line an epoch.

    Args:
        epochs: how many epochs the run has in all.

    The line has the error of each member and of the ensemble on the held-out images.
    Used in a `with` block, whose end takes the bar away, however it ends: Keras tells
    callbacks nothing of an exception.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs
        self._bar = None
        self._started = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()

    def on_epoch_begin(self, epoch, logs=None):
        steps = self.params["steps"]
        if self._bar is None:
            several = self.model.steps_of_a_call
            self._bar = tqdm.tqdm(
                total=steps * self.epochs,
                initial=steps * epoch,
                unit="step",
                unit_scale=several if several > 1 else False,
                leave=False,
                disable=None,  # where the output is not a terminal
            )
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(batch + 1 - self._bar.n % self.params["steps"])

    def on_epoch_end(self, epoch, logs=None):
        errors = "  ".join(
            f"{name} {100 * logs[f'val_{name}_error']:.2f}"
            for name in self.model.predictor_names
        )
        seconds = time.perf_counter() - self._started
        self._bar.write(
            f"epoch {epoch + 1}/{self.epochs}  error in %: {errors}  ({seconds:.1f} s)"
        )
        sys.stdout.flush()  # a log file is read while the run goes on


def closing_table(statistics, paper):
    """The final results of a run as text, beside the paper's.

    Args:
        statistics: of a finished run, see `logger`.
        paper: dict from name to (test error in %, test cost); may be empty.

    Returns:
        A table with a line for each member and for the ensemble; with the validation
        error, to choose settings by, where images were set aside for it, and with the
        mean of the classes' errors where they are unequal.
    """
    models = statistics["models"]
    validated = all("validation_error" in curves for curves in models.values())
    scores = statistics.get("evaluation")
    scores = scores["models"] if scores and has_unequal_classes(scores) else {}
    header = ["", *["validation error %"] * validated, "test error %"]
    header += ["balanced %"] * bool(scores) + ["test cost"]
    rows = [header + ["paper %", "paper cost"] * bool(paper)]
    for name, curves in models.items():
        error, cost = 100 * curves["test_error"][-1], curves["test_cost"][-1]
        row = [name, f"{error:.2f}", f"{cost:.4f}"]
        if validated:
            row.insert(1, f"{100 * curves['validation_error'][-1]:.2f}")
        if scores:
            row.insert(-1, f"{100 * scores[name]['balanced_error']:.2f}")
        if paper:
            row += [f"{paper[name][0]:.2f}", f"{paper[name][1]:.4f}"]
        rows.append(row)
    return text_table.aligned(rows)
