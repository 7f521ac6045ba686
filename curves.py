"""The curves of a run over its epochs, as the logger draws them (section 5.1)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter


def draw(models, quantity):
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
    for index, (name, curves) in enumerate(models.items()):
        for images, style in styles.items():
            values = curves.get(f"{images}_{quantity}")
            if values is None or not np.isfinite(values).any():
                continue
            epochs = np.arange(1, len(values) + 1)
            percent = 100 if quantity == "error" else 1
            axes.plot(
                epochs,
                percent * values,
                style,
                color=f"C{index}",
                marker="." if np.isfinite(values).sum() == 1 else None,
                label=f"{name}, {images}",
            )
    if quantity == "cost":
        axes.set_yscale("log")  # the first epochs would flatten the others
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
