"""The paper's curves: Figures A.1 to A.6, B.1 to B.3 (L2 0.01)."""

from __future__ import annotations

import contextlib
import itertools

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from collaborative.experiments import reference
from collaborative.report import styles
from collaborative.system import drawing, files

PANELS = ("CE", "L2", "L1")  # in the order of the paper's figures
LAST_EPOCHS = 10
FAR = 1.5  # a curve that ends so many times above the median is not drawn but named


def methods_figure(runs, dataset, model, quantity, narrow=False):
    """Figures A.1 to A.6: the last ten epochs of all methods and weights.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        dataset: whose runs.
        model: "ST", "M" or "ensemble", drawn in colour by weight; the traditional ST,
            M and ensemble are in greys in each panel.
        quantity: "error" (in %) or "cost", on the test set.
        narrow: whether the panels stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure, a panel for each method that ran. With several seeds a line
        is their mean and a band their range. As in the paper, curves far above the
        others are not drawn; they are named with their last value.
    """
    column = f"test_{quantity}"
    chosen = runs[
        (runs["dataset"] == dataset)
        & (runs["epoch"] > runs["epochs"] - LAST_EPOCHS)
        & ((runs["model"] == model) | (runs["method"] == "Single"))
    ]
    lines = _curves(chosen, column)
    ends = [mean.iloc[-1] for mean, *_ in lines.values()]
    ends = [end for end in ends if np.isfinite(end)]
    limit = FAR * np.median(ends) if ends else np.inf
    methods = _methods(lines)
    count = len(methods)
    rows, columns = (count, 1) if narrow else (1, count)
    figure, panels = _panels(rows, columns, narrow, shared=True)
    for axes, method in zip(panels, methods, strict=True):
        shown = {k: v for k, v in lines.items() if k[0] in (method, "Single")}
        _method_panel(axes, method, shown, limit)
        axes.set_ylabel(f"{styles.NAMES[model]}: test {_unit(quantity)}")
        _finish(axes)
        axes.label_outer()
    _legend(figure, panels, narrow)
    return figure


def _methods(lines):
    """The methods that have curves, the paper's first; Single alone where it is."""
    names = {method for method, *_ in lines} - {"Single"}
    known = [method for method in PANELS if method in names]
    return known + sorted(names - {*PANELS}) or ["Single"]


def _panels(rows, columns, narrow, shared=False):
    """A figure for a page or a narrow screen, and its panels; they may share axes."""
    width, height = (styles.NARROW_WIDTH, 2.4) if narrow else (styles.WIDTH, 3.5)
    figure = Figure(figsize=(width, rows * height + 0.8), dpi=110, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=shared, sharey=shared, squeeze=False)
    return figure, list(panels.flat)


def close_figure(runs, dataset, narrow=False):
    """Figures B.1 to B.3: L2 0.01 against the traditional ensemble, all epochs.

    Args:
        runs: rows of `run_table.load_runs` in the paper's setting.
        dataset: whose runs.
        narrow: whether the panels stand one below the other, for a narrow screen.

    Returns:
        A matplotlib figure: errors above, costs below; training (running means, as the
        paper has them) left, test right; ST, M and ensemble. None where neither ran.
    """
    chosen = runs[runs["dataset"] == dataset]
    settings = list(zip(chosen["method"], chosen["alpha"], strict=True))
    chosen = chosen[[s in (reference.CHOSEN, reference.SINGLE) for s in settings]]
    if chosen.empty:
        return None
    figure, panels = _panels(*((4, 1) if narrow else (2, 2)), narrow)
    shown = itertools.product(("error", "cost"), ("train", "test"))
    for axes, (quantity, images) in zip(panels, shown, strict=True):
        _close_panel(axes, chosen, quantity, images)
    _legend(figure, panels, narrow)
    return figure


def _close_panel(axes, runs, quantity, images):
    """One panel of `close_figure`."""
    column = f"{images}_{quantity}" + "_running" * (images == "train")
    for (method, alpha, model), line in _curves(runs, column).items():
        single = method == "Single"
        style = styles.GREYS[model] if single else styles.CLOSE_STYLES[model]
        kind = "traditional" if single else reference.label(method, alpha)
        _draw(axes, line, style, f"{kind} {styles.NAMES[model]}", every=3)
    title = f"{'training' if images == 'train' else 'test'} {quantity}"
    axes.set_title(title, **drawing.TITLE_AT_TOP)
    axes.set_ylabel(_unit(quantity))
    _finish(axes)
    _show_late_epochs(axes, quantity)


def save(figure, directory, name, suffixes=("png", "svg")):
    """Writes a figure as .png and .svg, the same bytes each time.

    Returns:
        The path of the last.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}.{suffix}" for suffix in suffixes]
    with contextlib.ExitStack() as stack:
        stack.enter_context(matplotlib.rc_context({"svg.hashsalt": name}))
        written = [stack.enter_context(files.replacing(path)) for path in paths]
        drawing.save(figure, *written)
    return paths[-1]


def _curves(runs, column):
    """Mean, least and largest over seeds by epoch, of each (method, alpha, model).

    Errors are in %; of one seed there is no least and largest. Methods are in the
    order of the tables.
    """
    scale, keys = 100 if "error" in column else 1, ["method", "alpha", "model"]
    table = scale * runs.pivot(index=[*keys, "epoch"], columns="seed", values=column)
    several = table[table.count(axis=1) > 1]
    ends = several.min(axis=1), several.max(axis=1)
    means, lows, highs = (_by_line(n, keys) for n in (table.mean(axis=1), *ends))
    none = table.iloc[:0].mean(axis=1)
    return {
        (*setting, model): (
            means[*setting, model],
            lows.get((*setting, model), none),
            highs.get((*setting, model), none),
        )
        for setting in reference.in_order({key[:2] for key in means})
        for model in reference.MODELS
        if (*setting, model) in means
    }


def _by_line(numbers, keys):
    """Series by epoch, by what identifies a line."""
    groups = numbers.groupby(level=keys)
    return {key: of_line.droplevel(keys) for key, of_line in groups}


def _method_panel(axes, method, lines, limit):
    """Draws the lines that end below `limit`, and names the others in the title."""
    far = []
    for (line_method, alpha, model), line in lines.items():
        single = line_method == "Single"
        name = f"traditional {styles.NAMES[model]}" if single else f"weight {alpha}"
        if line[0].iloc[-1] > limit:
            far.append(f"{name} at {line[0].iloc[-1]:.3g}")
            continue
        style = styles.GREYS[model] if single else styles.of_weight(alpha)
        _draw(axes, line, style, name)
    axes.set_title(method, loc="left", **drawing.TITLE_AT_TOP)
    if far:
        axes.set_title(
            f"above, ends: {', '.join(far)}",
            loc="right",
            fontsize=7,
            **drawing.TITLE_AT_TOP,
        )


def _draw(axes, line, style, name, every=1):
    mean, low, high = line
    color, dashes, marker = style
    axes.plot(
        mean.index, mean, color=color, linestyle=dashes, marker=marker,
        markersize=4, markevery=every, linewidth=1.5, label=name,
    )  # fmt: skip
    if len(low):
        axes.fill_between(low.index, low, high, color=color, alpha=0.15)


def _unit(quantity):
    return "error (%)" if quantity == "error" else "cost"


def _finish(axes):
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _show_late_epochs(axes, quantity):
    """Keeps the first epochs from flattening the others."""
    values = [line.get_ydata() for line in axes.get_lines()]
    values = np.concatenate(values) if values else np.array([])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    if quantity == "error":  # can be 0, so that no logarithm is taken
        axes.set_ylim(0, 1.3 * np.quantile(values, 0.9) or None)
        return
    least, most = values.min(), values.max()
    if most < 10 * least or least <= 0:  # 0 has no logarithm
        return
    axes.set_yscale("log")
    wide = most > 1e3 * least
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter("")


def _legend(figure, panels, narrow):
    """One legend below all panels: each name once, collaborative ones first."""
    named = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(name, handle)
    named = {n: named[n] for n in sorted(named, key=_legend_place)}
    if named:
        figure.legend(
            named.values(), named.keys(), loc="outside lower center",
            ncols=2 if narrow else 4, frameon=False, handlelength=3.5,
        )  # fmt: skip


def _legend_place(name):
    kind, _, rest = name.partition(" ")
    order = ("weight", *PANELS, "traditional")
    return order.index(kind), -float(rest) if kind == "weight" else 0
