"""On what the runs that are compared were made, where that differs.

Equal seeds are paired so that what they share cancels. A pair of two machines or two
precisions shares less: kernels and roundings differ, and weights drift apart.
"""

from __future__ import annotations

from collaborative.experiments.reference import dataset_label, label

BY = ["precision", "device"]


def notes(runs):
    """A line for each data set whose seeds, or whose runs of a seed, differ in that.

    Args:
        runs: rows of `run_table.load_runs` of one `setting`.
    """
    each = runs.drop_duplicates("run")
    lines = []
    for dataset, part in each.groupby("dataset", sort=False):
        name = dataset_label(dataset)
        usual = {seed: _commonest(rows) for seed, rows in part.groupby("seed")}
        if len(set(usual.values())) > 1:
            by_seed = (f"seed {seed} {_words(*made)}" for seed, made in usual.items())
            lines.append(f"{name}: {'; '.join(by_seed)}")
        for (seed, *made), odd in part.groupby(["seed", *BY]):
            if tuple(made) == usual[seed]:
                continue
            settings = zip(odd["method"], odd["alpha"], strict=True)
            named = ", ".join(label(*setting) for setting in settings)
            lines.append(
                f"{name}, seed {seed}: {named} {_words(*made)}, the others "
                f"{_words(*usual[seed])}; such pairs are of two machines"
            )
    return lines


def _commonest(rows):
    return rows.groupby(BY).size().idxmax()


def _words(precision, device):
    return f"in {precision} on {device or 'an unknown device'}"
