"""What a person sees of a run: its progress, and the table at its end."""

from __future__ import annotations

import sys
import time

import keras
import tqdm

from collaborative.experiments import reference
from collaborative.runs import planning, standings
from collaborative.runs.reader import has_unequal_classes, kept_epoch
from collaborative.system import command_line, text_table
from collaborative.system.words import counted

TOLD = 60  # seconds: how long a run takes is said from there on


class Opening(keras.callbacks.Callback):
    """Says, before a run trains, what it trains, where it writes, and how long perhaps.

    Args:
        config: its `ExperimentConfig`.
        log_dir: directory of all logs.
    """

    def __init__(self, config, log_dir):
        super().__init__()
        self._config, self._log_dir = config, log_dir

    def on_train_begin(self, logs=None):
        config, run_dir = self._config, self._config.run_dir(self._log_dir)
        said = [f"{_members(self.model, config)}, {counted(config.epochs, 'epoch')}"]
        left = config.epochs - standings.epochs_kept(run_dir)
        seconds = planning.Estimator(self._log_dir).epoch_seconds(config)
        if seconds and left * seconds >= TOLD:
            said.append(f"about {planning.duration(left * seconds)}")
        command_line.show(f"{', '.join(said)}\nwrites to {run_dir}")


def _members(model, config):
    """The members with their sizes, and how they learn, in words."""
    counts = [f"{m.name} ({m.count_params():,} parameters)" for m in model.members]
    how = reference.label(config.method, config.alpha)
    if config.teacher:
        how = f"taught by {', '.join(config.teacher)}, {how}"
    elif len(counts) == 1:
        how = "alone"
    else:
        how = "apart" if config.method == "Single" else f"together, {how}"
    return f"trains {', '.join(counts)} {how}"


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
        statistics: of a finished run, see `runs.reader`.
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
        kept = kept_epoch(curves) - 1
        error, cost = 100 * curves["test_error"][kept], curves["test_cost"][kept]
        row = [name, f"{error:.2f}", f"{cost:.4f}"]
        if validated:
            row.insert(1, f"{100 * curves['validation_error'][kept]:.2f}")
        if scores:
            row.insert(-1, f"{100 * scores[name]['balanced_error']:.2f}")
        if paper:
            row += [f"{paper[name][0]:.2f}", f"{paper[name][1]:.4f}"]
        rows.append(row)
    return text_table.aligned(rows)
