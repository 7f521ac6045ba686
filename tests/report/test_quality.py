"""Tables and figures of what was recorded: errors by class, calibration, confusion."""

import warnings
import xml.etree.ElementTree

import numpy as np
import pandas as pd
import pytest
from evaluation_records import record

from collaborative.report import class_errors, quality, tables
from collaborative.system import drawing


@pytest.fixture
def runs_and_records(paper):
    runs = paper
    runs = runs[runs["dataset"] == "mnist"]
    chosen = runs[runs["method"].isin(["L2", "Single"])]
    names = chosen.drop_duplicates("run").set_index("run")["method"]
    wanted = [n for n in names.index if n.endswith(("L2_0.01", "Single_0.0"))]
    return runs, {name: record(i, 2.0) for i, name in enumerate(wanted)}


def test_tables_have_what_was_recorded(runs_and_records):
    runs, records = runs_and_records
    scores, agreement = quality.quality_tables(runs, records, "mnist")
    assert [row[0].text for row in agreement.rows] == ["L2 0.01", "Single"]
    single = records["paper/mnist/Single_0.0"]
    rows = scores.data.set_index(["method", "model"])
    assert rows.loc[("Single", "M"), "nll"] == single["models"]["M"]["nll"]
    assert rows.loc[("Single", "M"), "detection"] == 0.75
    assert np.isnan(rows.loc[("Single", "M"), "churn"])  # one seed
    assert "churn %" not in scores.header  # which all have no number of
    assert f"{100 * single['gain']:.2f}" == agreement.rows[1][-1].text
    assert "against those of mnist" in scores.caption


def test_churn_is_between_seeds(runs_and_records):
    runs, _ = runs_and_records
    seeds = runs[(runs["method"] == "L2") & (runs["alpha"] == 0.01)]
    other = seeds.assign(run="other", seed=913)
    both = [record(0), record(1)]
    records = dict(zip((seeds["run"].iloc[0], "other"), both, strict=True))
    found = [seeds, other]
    table, _ = quality.quality_tables(pd.concat(found), records, "mnist")
    common = slice(1, 6), slice(0, 5)  # images 1 to 5
    a, b = (r["answers"]["ST"][s] for r, s in zip(both, common, strict=True))
    assert table.data.set_index("model").loc["ST", "churn"] == np.mean(a != b)


UNEQUAL = (0,) * 80 + (1,) * 20


def test_unequal_classes_have_their_errors_shown(runs_and_records):
    runs, records = runs_and_records
    records = {name: record(i, 1.0, UNEQUAL) for i, name in enumerate(records)}
    scores, _, classes = quality.quality_tables(runs, records, "mnist")
    found = records["paper/mnist/Single_0.0"]["models"]
    errors = found["ensemble"]["class_errors"]
    rows = scores.data.set_index(["method", "model"])
    balanced = rows.loc[("Single", "ensemble"), "balanced_error"]
    assert balanced == pytest.approx(np.mean(errors))
    assert scores.header[2] == "balanced error %"
    assert scores.rows[-1][2].text == f"{100 * balanced:.2f}"
    assert classes.header == ("class", "test images", "L2 0.01", "Single")
    shown = [[cell.text for cell in row] for row in classes.rows]
    assert [row[:2] for row in shown] == [["cat", "80"], ["dog", "20"]]
    assert [row[3] for row in shown] == [f"{100 * error:.2f}" for error in errors]
    data = classes.data.set_index(["method", "model", "class"])["error"]
    assert data[("Single", "ST", "dog")] == found["ST"]["class_errors"][1]


def test_runs_from_before_errors_by_class(runs_and_records):
    runs, records = runs_and_records
    records = {name: record(i, 1.0, UNEQUAL) for i, name in enumerate(records)}
    one, other = records.values()
    for scores in one["models"].values():
        del scores["class_errors"], scores["balanced_error"]
    *_, classes = quality.quality_tables(runs, records, "mnist")
    old = classes.header.index({"L2_0.01": "L2 0.01", "Single_0.0": "Single"}[
        next(iter(records)).rpartition("/")[2]])  # fmt: skip
    assert {row[old].text for row in classes.rows} == {"-"}
    assert len(quality.quality_tables(runs, {next(iter(records)): one}, "mnist")) == 2
    assert list(class_errors.balanced({"a": one, "b": other})) == [
        ("b", "ST"), ("b", "M"), ("b", "ensemble")
    ]  # fmt: skip


def test_other_runs_with_unequal_classes(runs_and_records):
    runs, records = runs_and_records
    name = next(iter(records))
    others = runs[runs["run"] == name].assign(setting="class_weight balanced")
    recorded = record(0, 1.0, UNEQUAL)
    (row,) = tables.other_runs_table(
        others, class_errors.balanced({name: recorded})
    ).rows
    error = 100 * recorded["models"]["M"]["balanced_error"]
    assert f"(balanced {error:.2f}) / " in row[-1].text
    assert "balanced" not in tables.other_runs_table(others).rows[0][-1].text


def test_figures(runs_and_records):
    runs, records = runs_and_records
    panels = quality.reliability_figure(runs, records, "mnist").axes
    upper, lower = panels[:3], panels[3:]
    assert [axes.get_title() for axes in upper] == ["ST", "M", "Ens"]
    assert all(len(axes.lines) == 3 for axes in upper)
    assert [len(axes.lines) for axes in lower] == [2] * 3  # counts of images
    (axes,) = quality.confusion_figure(runs, records, "mnist").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    counts = records["paper/mnist/L2_0.01"]["models"]["ensemble"]["confusion"]
    shown = [float(text.get_text()) for text in axes.texts]
    np.testing.assert_allclose(shown, 100 * counts.ravel() / 3, atol=0.05)


def test_nothing_is_made_of_nothing(runs_and_records):
    runs, _ = runs_and_records
    assert quality.quality_tables(runs, {}, "mnist") == []
    assert quality.reliability_figure(runs, {}, "mnist") is None
    assert quality.confusion_figure(runs, {}, "mnist") is None


def test_confusion_of_many_classes_is_a_picture_without_numbers(runs_and_records):
    runs, records = runs_and_records
    names = [f"class number {i} of very many" for i in range(100)]
    counts = np.eye(100) * 9 + 1
    for given in records.values():
        given["class_names"] = names
        given["models"]["ensemble"]["confusion"] = counts
    counts[3, 7], counts[50, 2] = 40, 30
    (axes,) = quality.confusion_figure(runs, records, "mnist").axes
    assert not axes.texts
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert len(labels) == 20 and max(map(len, labels)) <= quality.LONGEST_LABEL
    table = quality.quality_tables(runs, records, "mnist")[-1]
    assert table.name == "table_confusions_mnist" and "L2 0.01" in table.caption
    assert len(table.rows) == class_errors.MOST_CONFUSIONS
    assert len(table.data) == 100 * 99
    texts = [[cell.text for cell in row] for row in table.rows[:2]]
    percent = [f"{100 * n / (n + 108):.2f}" for n in (40, 30)]
    assert texts == [
        [names[3], names[7], "40", percent[0]],
        [names[50], names[2], "30", percent[1]],
    ]


def test_nothing_confused_is_no_table(runs_and_records):
    runs, records = runs_and_records
    for given in records.values():
        given["class_names"] = [f"class {i}" for i in range(30)]
        given["models"]["ensemble"]["confusion"] = np.eye(30, dtype=int)
    names = [t.name for t in quality.quality_tables(runs, records, "mnist")]
    assert not any("confusions" in name for name in names)


@pytest.mark.parametrize("counts", [[[5]], [[0]], [[4, 0], [0, 4]], [[0, 0], [0, 0]]])
def test_confusion_of_one_class_and_of_none_wrong(counts, runs_and_records):
    runs, records = runs_and_records
    for given in records.values():
        given["class_names"] = ["$a", "b"][: len(counts)]
        given["models"]["ensemble"]["confusion"] = np.array(counts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = quality.confusion_figure(runs, records, "mnist")
    assert len(figure.axes[0].texts) == len(counts) ** 2


@pytest.mark.parametrize(
    "names", [("under_$10", "$10_to_$20"), ("猫", r"\frac{1}"), ("<b>", "a\nb" * 200)]
)
def test_names_of_classes_are_text(names, runs_and_records, tmp_path):
    """Each of these cost the whole report, or warned."""
    runs, records = runs_and_records
    for given in records.values():
        given["class_names"] = list(names)
    path = tmp_path / "confusion.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing.save(quality.confusion_figure(runs, records, "mnist"), path)
    xml.etree.ElementTree.parse(path)
