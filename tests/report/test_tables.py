"""The tables of the report in every format, and the author's runs in the paper's."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from finished_runs import load, synthetic_curves, write_run

from collaborative.data import own_names
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import PAPER_TABLES
from collaborative.report import tables

NAMES = {"mnist": "MNIST", "notmnist": "notMNIST", "cifar10": "CIFAR10"}
COLUMNS = {"error": "test_error_percent", "cost": "test_cost"}


def paper_table(dataset, quantity):
    """The paper's table: (method, weight, model) -> number."""
    with open(PAPER_TABLES, newline="") as file:
        return {
            (row["method"], row["alpha"], row["model"]): float(row[COLUMNS[quantity]])
            for row in csv.DictReader(file)
            if row["dataset"] == NAMES[dataset]
        }


def cells(text, separator):
    return [re.sub(r"\*\*|\\textbf\{|[}|\\]", "", c).strip() for c in
            text.strip(" |").split(separator)]  # fmt: skip


@pytest.mark.parametrize("quantity", ["error", "cost"])
@pytest.mark.parametrize("dataset", NAMES)
def test_the_author_s_runs_give_his_tables_exactly(dataset, quantity, tmp_path, paper):
    table = tables.results_table(paper, None, dataset, quantity)
    tables.write(table, tmp_path)
    expected = paper_table(dataset, quantity)
    texts = {path.suffix: path.read_text() for path in tmp_path.iterdir()}
    assert len(texts) == 3
    markdown = [cells(line, "|") for line in texts[".md"].splitlines()[4:]]
    latex = [cells(x, "&") for x in texts[".tex"].splitlines() if x.endswith(r"\\")]
    for rows in (markdown, latex[1:]):
        found = {}
        for name, *numbers in rows:
            method, _, weight = name.partition(" ")
            for model, number in zip(("ST", "M", "Ens"), numbers, strict=True):
                found[method, weight or "1.0", model] = float(number)
        assert found == expected and len(found) == 39
    numbers = {
        (row["method"], row["alpha"], row["model"]): float(row[quantity])
        for row in csv.DictReader(io.StringIO(texts[".csv"]))
    }
    assert sorted(numbers.values()) == sorted(expected.values())


def test_the_best_of_a_column_is_bold_and_ties_too(paper):
    table = tables.results_table(paper, None, "mnist", "error")
    bold = {
        (row[0].text, column)
        for row in table.rows
        for column, cell in zip(table.header, row, strict=True)
        if cell.bold
    }
    assert bold == {
        ("L2 0.1", "ST"), ("L2 0.01", "M"), ("L2 0.0001", "M"), ("L2 0.01", "Ens"),
    }  # fmt: skip


def test_order_of_rows_is_the_paper_s(paper):
    table = tables.results_table(paper, None, "mnist", "cost")
    assert [row[0].text for row in table.rows][3:6] == ["CE 0.0001", "L1 1.0", "L1 0.1"]
    assert table.rows[-1][0].text == "Single"
    assert table.name == "table_A.8_mnist_cost"


def test_difference_and_interval_beside_the_paper(paper):
    ours = paper[(paper["dataset"] == "cifar10") & (paper["method"] == "L2")]
    better = ours.assign(seed=1, test_error=ours["test_error"] - 0.02)
    both = pd.concat([ours, better])
    table = tables.results_table(both, paper, "cifar10", "error")
    rows = {row[0].text: [cell.text for cell in row[1:4]] for row in table.rows}
    assert rows["L2 0.01"] == ["22.43 ± 12.71", "23.43", "-1.00"]
    assert rows["Single"] == ["-", "27.67", "-"]
    assert "2 seeds" in table.caption
    assert len(table.rows) == 13


def test_the_small_archive_stands_beside_notmnist_and_says_so(paper):
    small = paper[paper["dataset"] == "notmnist"].assign(dataset="notmnist_small")
    table = tables.results_table(small, paper, "notmnist_small", "error")
    assert table.rows[0][2].text == "2.05"
    assert "small archive only" in table.caption


def test_a_data_set_that_the_paper_has_not(paper):
    digits = paper.query("dataset == 'mnist'").assign(dataset="digits")
    table = tables.results_table(digits, paper, "digits", "error")
    assert table.header == ("method", "ST", "M", "Ens")


def test_other_runs_are_listed_and_not_pooled(tmp_path):
    write_run(tmp_path, ExperimentConfig("a|b<i>_&", epochs=2))
    write_run(tmp_path, ExperimentConfig("mnist"))
    runs, _ = load(tmp_path)
    table = tables.other_runs_table(runs)
    assert len(table.rows) == 1
    assert table.rows[0][4].text == "epochs 2"
    assert r"a\|b&lt;i>" in tables.markdown(table)
    assert r"a|b<i>\_\&" in tables.latex(table)
    assert tables.other_runs_table(runs[runs["setting"] == ""]).rows == []


def test_validation_errors_of_other_runs(tmp_path):
    write_run(tmp_path, ExperimentConfig("mnist", seed=1, epochs=2))
    config = ExperimentConfig("mnist", seed=2, epochs=2, validation=100)
    models = synthetic_curves(config, 0.5)
    for place, curves in enumerate(models.values(), 1):
        curves["validation_error"] = np.array([0.9, place / 10])
    write_run(tmp_path, config, models)
    table = tables.other_runs_table(load(tmp_path)[0])
    place = table.header.index("validation error %")
    texts = [row[place].text for row in table.rows]
    assert sorted(texts) == ["", "ST 10.00; M 20.00; ensemble 30.00"]


def test_validation_images_that_a_set_brings(tmp_path):
    """They are no setting of the run."""
    config = ExperimentConfig("folder:/a/pets", epochs=2)
    models = synthetic_curves(config, 0.5)
    for curves in models.values():
        curves["validation_error"] = np.array([0.9, 0.25])
    write_run(tmp_path, config, models)
    table = tables.other_runs_table(load(tmp_path)[0])
    (row,) = [[cell.text for cell in row] for row in table.rows]
    assert row[0] == own_names.short_name("folder:/a/pets")
    place = table.header.index("validation error %")
    assert row[place] == "ST 25.00; M 25.00; ensemble 25.00"


def test_names_from_files_are_no_paths():
    name = "folder:/a b/pets"
    assert tables.file_name(name) == own_names.short_name(name)
    assert tables.file_name("../a b/<c>") == ".._a_b__c_"
    assert tables.escape_latex(r"50 % \x ^") == (
        r"50 \% \textbackslash{}x \textasciicircum{}"
    )
