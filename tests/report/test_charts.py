import json

import numpy as np
import pandas as pd
import pytest

from collaborative.report import charts


def test_lines_of_the_author_s_runs(paper):
    data = charts.chart_data(paper)
    assert [chart["title"] for chart in data] == [
        "MNIST, ST-M", "notMNIST, ST-M", "CIFAR10, ST-M",
    ]  # fmt: skip
    chart = data[2]
    assert chart["models"] == ["ST", "M", "ensemble"]
    assert len(chart["lines"]) == 13 and chart["note"] == ""
    (line,) = (line for line in chart["lines"] if line["name"] == "L2 0.01")
    errors = line["values"]["ST"]["test error (%)"]
    assert len(errors) == 30 and errors[-1] == 23.43
    json.dumps(data, allow_nan=False)


def test_what_was_measured_once_has_no_curve(paper):
    """Of a run that validation chose, the test set is measured in one epoch alone."""
    runs = paper.query("dataset == 'mnist' and method == 'CE'")
    assert charts.chart_data(runs)[0]["quantities"] == [
        "test error (%)", "test cost", "training error (%)", "training cost",
    ]  # fmt: skip
    once = runs["epoch"] == 7
    chosen = runs.assign(
        validation_error=runs["test_error"], test_error=runs["test_error"].where(once)
    )
    (chart,) = charts.chart_data(chosen.assign(test_cost=np.nan))
    assert chart["quantities"] == [
        "validation error (%)", "training error (%)", "training cost",
    ]  # fmt: skip
    (short,) = charts.chart_data(runs[once])  # of one epoch: points
    assert short["quantities"][0] == "test error (%)"


def test_lines_of_a_chart_differ(paper):
    for chart in charts.chart_data(paper):
        styles = {(line["color"], line["dashes"]) for line in chart["lines"]}
        assert len(styles) == 13


def test_methods_not_of_the_paper_have_dashes_of_their_own(paper):
    runs = paper.query("dataset == 'mnist'")
    other = runs.query("method == 'CE'").assign(method="KL")
    (chart,) = charts.chart_data(pd.concat([runs, other]))
    dashes = {line["name"]: line["dashes"] for line in chart["lines"]}
    known = {d for name, d in dashes.items() if not name.startswith("KL")}
    assert dashes["KL 0.01"] not in known


def test_seeds_are_averaged_and_settings_are_not(paper):
    paper = paper.query("dataset == 'mnist' and method == 'CE'")
    other = paper.assign(seed=1, test_error=paper["test_error"] + 0.02)
    short = paper.assign(setting="epochs 2", test_error=np.nan)
    data = charts.chart_data(pd.concat([short, paper, other]))
    assert [chart["note"] for chart in data] == ["", "epochs 2"]
    values = [chart["lines"][0]["values"]["ST"]["test error (%)"] for chart in data]
    assert values[0][-1] == pytest.approx(0.72 + 1)
    assert values[1] == [None] * 30


def test_there_is_no_infinity_in_json(paper):
    runs = paper.query("dataset == 'mnist' and method == 'CE'")
    data = charts.chart_data(runs.assign(test_cost=np.inf))
    values = data[0]["lines"][0]["values"]["ST"]
    assert values["test cost"] == [None] * 30
    assert values["test error (%)"][-1] == 0.72
    json.dumps(data, allow_nan=False)


def test_bands_are_intervals_over_seeds(paper):
    paper = paper.query("dataset == 'mnist' and method == 'CE'")
    other = paper.assign(seed=1, test_error=paper["test_error"] + 0.02)
    (line, *_) = charts.chart_data(pd.concat([paper, other]))[0]["lines"]
    # Student's 97.5 % quantile of one degree of freedom, times half the gap of 2 points
    assert line["widths"]["ST"]["test error (%)"] == pytest.approx([12.71] * 30)
    (line, *_) = charts.chart_data(paper)[0]["lines"]
    assert "widths" not in line
