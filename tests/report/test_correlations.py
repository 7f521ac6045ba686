import math

import numpy as np
import pandas as pd
import pytest

from collaborative.experiments import reference
from collaborative.report import correlations


def test_rank_correlation():
    a = pd.Series([1.0, 2.0, 3.0, 4.0])
    rho, _, count = correlations.rank_correlation(a, pd.Series([3.0, 2.0, 1.0, 4.0]))
    assert (rho, count) == (pytest.approx(0.2), 4)  # 1 - 6 * 8 / (4 * 15)
    rho, p, _ = correlations.rank_correlation(a[:3], -a[:3])
    assert (rho, p) == (pytest.approx(-1), pytest.approx(2 / 6))  # of 3! pairings
    assert math.isnan(correlations.rank_correlation(a, 0 * a)[0])
    assert math.isnan(correlations.rank_correlation(a, a[:2])[0])
    gone = pd.Series([1.0, 2.0, 3.0, math.nan])  # a cost that diverged
    of_three = correlations.rank_correlation(a[:3], a)
    assert correlations.rank_correlation(a, gone) == of_three


def test_correlation_with_the_paper_s_grid(paper):
    rows = correlations.of_grids(paper, paper)
    assert len(rows) == 3 * 3 * 2
    assert all(row["rho"] == pytest.approx(1) for row in rows)
    assert all(row["settings"] == 13 for row in rows)
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    reversed_errors = small.assign(test_error=1 - small["test_error"])
    (row, *_) = correlations.of_grids(reversed_errors, paper)
    np.testing.assert_allclose(row["rho"], -1)
    assert correlations.of_grids(paper.assign(dataset="digits"), paper) == []


def test_correlations_with_the_paper_s_grid(paper):
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    runs = small.assign(test_cost=-small["test_cost"])
    table = correlations.table(runs, paper)
    texts = [[cell.text for cell in row] for row in table.rows]
    name = reference.dataset_label("notmnist_small")
    without = ", without L1 1.0 and L2 1.0"
    assert texts == [
        [f"{name}, error", *["+1.00 (p ≤ 0.0002)"] * 3, "13"],
        [f"{name}, cost", *["-1.00 (p ≤ 0.0002)"] * 3, "13"],
        [f"{name}, error{without}", *["+1.00 (p ≤ 0.0002)"] * 3, "11"],
        [f"{name}, cost{without}", *["-1.00 (p ≤ 0.0002)"] * 3, "11"],
    ]
    assert len(table.data) == 12 and table.header[1:4] == ("ST", "M", "Ens")
    two = runs[runs["alpha"] == 0.01]
    two = two[two["method"] != "CE"]
    assert correlations.table(two, paper) is None
    same = correlations.table(runs.assign(test_error=0.5), paper)
    assert [cell.text for cell in same.rows[0]][1:4] == ["-"] * 3
