"""Pages as export.py writes them: with their card, and networks side by side."""

import functools
import json
import re
import shutil

import numpy as np
import pytest
import small_models
from models_in_node import needs_node

from collaborative import datasets, export, models
from collaborative.deployment import model_card, predictors, verification
from collaborative.experiments.config import ExperimentConfig
from collaborative.training import building


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, export)


def content_of(directory):
    """(JSON of a page, its text without tags on one line)."""
    text = (directory / "index.html").read_text(encoding="utf-8")
    (block,) = re.findall(r'id="content">(.*?)</script>', text, re.S)
    body = text.partition("<body>")[2].partition("<script")[0]
    return json.loads(block), " ".join(re.sub(r"<[^>]*>", "", body).split())


def trained_apart(digits_run, path):
    """A copy of the run that says that its members were trained apart."""
    shutil.copytree(digits_run, path)
    record = json.loads((path / "config.json").read_text())
    record["config"] |= {"method": "Single", "alpha": 0.0}
    (path / "config.json").write_text(json.dumps(record))
    return path


@needs_node
def test_a_page_with_all_that_belongs_to_it(digits_run, tmp_path, command):
    other = trained_apart(digits_run, tmp_path / "apart")
    status, out, err = command(
        *("--run", digits_run, "--member", "ST", "--format", "web"),
        *("--output_dir", tmp_path / "out", "--compare", other),
    )
    assert (status, err) == (0, [])
    directory = tmp_path / "out" / "ST-web"
    names = {"index.html", "README.md", "metadata.json"}
    assert {path.name for path in directory.iterdir()} == names
    content, text = content_of(directory)
    titles = [model["name"] for model in content["models"]]
    assert titles == [
        "ST, trained together (L2, 0.01)",
        "ST, trained apart",
        "ensemble of ST and ST_2, trained together (L2, 0.01)",
    ]
    size = (directory / "index.html").stat().st_size
    metadata = json.loads((directory / "metadata.json").read_text())
    assert metadata["bytes"] == size and f"{size:,} bytes" in text
    assert metadata["verification"]["images"] == 64
    card = " ".join((directory / "README.md").read_text().split())
    assert f"Beside it in the page: {titles[1]}; {titles[2]}." in card
    assert "The artifact was run on 64 test images in a process without" in card
    row = out.splitlines()[-1].split()
    assert row[:2] == ["ST-web", f"{size:,}"] and "differs by" in out
    # Its mistakes are what the network gets wrong.
    test = datasets.load("digits", truncate=64).test
    answers = predictors.load(digits_run).probabilities(list(test.images))["ST"]
    wrong = int(np.sum(answers.argmax(axis=1) != test.labels))
    for title, parameters in zip(titles, ("41,796", "41,796", "83,592"), strict=True):
        assert f"{title} {parameters} {'' if 'ens' in title else wrong}" in text
    assert text.count(f"{wrong} of 64 ({100 * wrong / 64:.2f} %)") >= 2
    assert f"Side by side: {'; '.join(titles)}. Trained together, networks" in text
    assert min(12, wrong) <= len(content["mistakes"]) <= 12
    assert content["drawing"]["bright"]


def test_without_node_the_card_says_that_nothing_was_checked(
    digits_run, tmp_path, command, monkeypatch
):
    monkeypatch.setattr(verification.shutil, "which", lambda _: None)
    status, out, _ = command(
        "--run", digits_run, "--format", "web", "--output_dir", tmp_path, "--softmax"
    )
    assert status == 0 and out.splitlines()[-1].endswith("not run here")
    content, text = content_of(tmp_path / "ensemble-softmax-web")
    assert content["probabilities"]
    said = "The page was not run where it was made"
    assert said in text and "The artifact was run" not in text
    metadata = json.loads(
        (tmp_path / "ensemble-softmax-web" / "metadata.json").read_text()
    )
    assert said in model_card.card(metadata).replace("\n", " ")


def test_only_what_can_stand_side_by_side(digits_run, tmp_path, command):
    status, _, err = command("--run", digits_run, "--compare", digits_run)
    assert (status, len(err)) == (2, 1)
    assert "--compare works with --format web, got keras" in err[0]
    other = trained_apart(digits_run, tmp_path / "other")
    record = json.loads((other / "config.json").read_text())
    record["config"]["seed"] = 1  # so that its test pictures are others
    (other / "config.json").write_text(json.dumps(record))
    arguments = ("--run", digits_run, "--format", "web", "--compare", other)
    status, _, err = command(*arguments, "--output_dir", tmp_path / "out")
    assert (status, len(err)) == (1, 1)
    ours = f"{digits_run} digits (pooled split, seed 912)"
    its = f"{other} learnt digits (pooled split, seed 1)"
    assert f"{its}, and {ours}: choose runs" in err[0]
    assert not list((tmp_path / "out").iterdir())


def test_pictures_of_other_shapes_cannot_stand_side_by_side(
    digits_run, tmp_path, command
):
    """As of one folder, in grey and in colour: the page would wait for the rest."""
    other = trained_apart(digits_run, tmp_path / "other")
    config = ExperimentConfig(members=("ST", "ST"))
    members = building.build_members(config, (8, 8, 3), 10)
    models.EnsembleModel(members).save(other / "model.keras")
    arguments = ("--run", digits_run, "--format", "web", "--compare", other)
    status, out, err = command(*arguments, "--output_dir", tmp_path / "out")
    assert (status, out, len(err)) == (1, "", 1)
    said = f"{other} takes pictures of 8 x 8 x 3, and {digits_run} of 8 x 8 x 1: choose"
    assert said in err[0]


def test_a_member_that_the_other_run_lacks(digits_run, tmp_path, command):
    other = trained_apart(digits_run, tmp_path / "other")
    models.SingleModel(small_models.linear("ST")).save(other / "model.keras")
    record = json.loads((other / "config.json").read_text())
    record["config"]["members"] = ["ST"]
    (other / "config.json").write_text(json.dumps(record))
    arguments = ("--run", digits_run, "--format", "web", "--compare", other)
    status, _, err = command(*arguments, "--output_dir", tmp_path / "out")
    assert (status, len(err)) == (2, 1)
    assert f"--member must be one of ST in {other}, got 'ensemble'" in err[0]
