import csv

import numpy as np

from collaborative import datasets
from collaborative.experiments import reference
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import PAPER_TABLES
from collaborative.experiments.settings import IMMATERIAL
from collaborative.runs import author_runs, run_table


def test_the_author_s_logs_end_where_his_tables_do():
    logged = {}  # the last epoch of a model is the last of its rows
    with open(reference.PAPER_CURVES, newline="") as file:
        for row in csv.DictReader(file):
            logged[tuple(row.values())[:4]] = row
    with open(PAPER_TABLES, newline="") as file:
        printed = {tuple(row.values())[:4]: row for row in csv.DictReader(file)}
    assert logged.keys() == printed.keys() and len(printed) == 117
    differ = []
    for key, row in printed.items():
        error = round(100 * float(logged[key]["test_error"]), 9)
        assert error == float(row["test_error_percent"])
        if float(logged[key]["test_cost"]) != float(row["test_cost"]):
            differ.append((key, logged[key]["test_cost"], row["test_cost"]))
    # The digit that the print lost.
    assert differ == [(("notMNIST", "L1", "0.01", "Ens"), "0.0535467", "0.053546")]


def test_the_author_s_runs():
    runs = author_runs.load()
    assert tuple(runs.columns) == run_table.COLUMNS
    assert runs["run"].nunique() == 39
    assert len(run_table.final_epochs(runs)) == 117
    first = runs.query("dataset == 'cifar10' and method == 'CE' and alpha == 1").iloc[0]
    assert (first["model"], first["epoch"], first["test_error"]) == ("ST", 1, 0.5316)
    assert (first["train_cost"], first["test_cost"]) == (1.51493, 1.46565)


def test_every_run_has_all_of_its_epochs():
    counts = author_runs.load().groupby(["dataset", "run", "model"])["epoch"]
    epochs = counts.agg(["min", "max", "count"]).droplevel(["run", "model"])
    for dataset, last in (("mnist", 30), ("notmnist", 15), ("cifar10", 30)):
        rows = epochs.loc[dataset].drop_duplicates()
        np.testing.assert_array_equal(rows, [[1, last, last]])


def test_every_paper_data_set_is_known():
    assert len(reference.PAPER_SETTINGS) == 13
    assert set(reference.PAPER_DATASETS) < set(datasets.DATASETS)
    assert reference.paper_dataset("notmnist_small") == "notmnist"
    assert reference.paper_dataset("cifar10") == "cifar10"
    assert reference.paper_dataset("digits") is None
    assert "small archive" in reference.dataset_label("notmnist_small")


def test_every_setting_but_the_varied_ones_is_a_deviation():
    changes = {
        "members": ("ST", "ST"), "epochs": 5, "batch_size": 32, "learning_rate": 0.1,
        "weight_decay": 0.0, "split": "official", "validation": 10, "truncate": 500,
        "reduction": "released", "label_noise": 0.2, "augment": True,
        "alpha_schedule": "cosine", "pull": ("M=0",), "topology": "ring",
        "pair_cost": "mean", "teacher": ("M",), "labeled": 0.5, "unlabeled": "noise",
        "unlabeled_ratio": 2.0, "unlabeled_weight": 0.5, "unlabeled_steps": "separate",
        "image_size": "32x32", "class_weight": "balanced", "color_mode": "rgb",
        "init_from": "logs/mnist/ST-M/L2_0.01/seed_1", "callbacks": ("ema",),
        "optimizer": "adamw", "momentum": 0.5, "ema": 0.99, "label_smoothing": 0.1,
        "small_loss": 0.2,
        "patience": 3, "keep": "best", "learning_rate_schedule": "step",
        "shuffle": "once",
    }  # fmt: skip
    needed = {"teacher": {"members": ("ST",)}, "color_mode": {"dataset": "folder:pets"}}
    needed |= {"momentum": {"optimizer": "sgd"}}
    needed |= {n: {"validation": 10} for n in ("patience", "keep")}
    varied = {"dataset": "digits", "method": "CE", "alpha": 1.0, "seed": 1}
    with_ce = {"temperature"}  # L2, the default method, has none
    of_folders = {"color_mode"}
    known = changes.keys() | varied.keys() | set(IMMATERIAL) | with_ce | of_folders
    assert known == set(ExperimentConfig.__dataclass_fields__)
    softened = ExperimentConfig("mnist", method="CE", temperature=2.0)
    assert run_table.deviations(softened) == "temperature 2.0"
    for name, said in (("notmnist_small", "method KL"), ("digits", "")):
        other = ExperimentConfig(name, method="KL", alpha=1.0)
        assert run_table.deviations(other) == said
    for name, value in changes.items():
        given = {"dataset": "mnist"} | needed.get(name, {}) | {name: value}
        config = ExperimentConfig(**given)
        assert f"{name} " in run_table.deviations(config), name
    immaterial = {"jit": "on", "strategy": "mirrored", "precision": "bfloat16"}
    for name, value in (varied | immaterial).items():
        assert run_table.deviations(ExperimentConfig(**{name: value})) == "", name


def test_missing_experiments():
    runs = author_runs.load()
    assert run_table.missing_experiments(runs) == []
    some = runs[(runs["dataset"] == "mnist") & (runs["method"] != "L2")]
    missing = run_table.missing_experiments(some)
    assert len(missing) == 39 - 9
    assert missing[0] == ("mnist", "L2", 1.0)
    short = runs.assign(setting="epochs 2")
    assert len(run_table.missing_experiments(short)) == 39


def test_order_and_labels():
    settings = [("Single", 0.0), ("L2", 0.5), ("CE", 0.1), ("CE", 1.0)]
    assert reference.in_order(settings) == [
        ("CE", 1.0), ("CE", 0.1), ("L2", 0.5), ("Single", 0.0),
    ]  # fmt: skip
    assert reference.label("CE", 1.0) == "CE 1.0"
    assert reference.label("Single", 0.0) == "Single"
