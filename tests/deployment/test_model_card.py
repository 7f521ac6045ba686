import dataclasses
import json
import pickle
import shutil

import numpy as np
import pytest

from collaborative import models
from collaborative.data import own_names
from collaborative.deployment import artifact_table, model_card, plain_models
from collaborative.runs import reader
from collaborative.runs.run import UnusableRun, read_finished
from collaborative.system import digests

RECORDED = {
    "models": {
        "ST": {"nll": 0.51239, "brier": 0.25, "ece": 0.0325},
        "ensemble": {"nll": 0.4, "brier": 0.2, "ece": 0.01},
    },
    "disagreement": 0.07,
    "gain": 0.0165,
    "foreign": "mnist",
    "detection": {"ST": 0.9115, "ensemble": 0.9398},
}
CHECKED = {
    "images": 2000,
    "int8_error": 0.0525,
    "float32_error": 0.05,
    "changed_answers": 0.0125,
    "lost": 8,
    "gained": 3,
    "p_value": 0.11328125,
    "verdict": "open loss",
    "tolerance": 0.5,
    "activations": "uint8",
    "batch_ms": {"int8": 0.375, "uint8": 0.25},
    "latency_ms": {"alone": 0.5, "batch": 0.25, "cores": 2},
    "float32_latency_ms": {"alone": 1.0, "batch": 0.2, "cores": 2},
}


def read_run(digits_run, copy, evaluation, **settings):
    """A copy of a run with other settings that has recorded `evaluation`, read back."""
    shutil.copytree(digits_run, copy)
    statistics = reader.read_statistics(copy / "stats.pkl")
    statistics["evaluation"] = evaluation
    statistics["params"] |= settings
    record = json.loads((copy / "config.json").read_text())
    record["config"] |= settings
    (copy / "config.json").write_text(json.dumps(record))
    (copy / "stats.pkl").write_bytes(pickle.dumps(statistics, protocol=4))
    return read_finished(copy)


PLAIN = {}  # models by the digest of the run's and by the member


def plain_member(model_path, member):
    """A member's plain model, which takes a second and is only read."""
    key = digests.of_file(model_path), member
    if key not in PLAIN:
        trained = models.load_model(model_path, compile=False)
        PLAIN[key] = plain_models.plain_model(trained, member)
    return PLAIN[key]


def described(run, member, artifact):
    """(metadata as read back, card on one line) of an int8 ONNX artifact."""
    plain = plain_member(run.model_path, member)
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"12345")
    options = {"member": member, "format": "onnx", "softmax": False, "quantize": "int8"}
    scores = run.test_scores(member)
    model_card.write(
        artifact.parent,
        model_card.describe(run, plain, options, scores, CHECKED, artifact),
    )
    metadata = json.loads((artifact.parent / "metadata.json").read_text())
    return metadata, " ".join((artifact.parent / "README.md").read_text().split())


def test_the_card_says_what_it_is(digits_run, tmp_path):
    run = read_finished(digits_run)
    metadata, card = described(run, "ST", tmp_path / "ST-onnx-int8" / "model.onnx")
    assert (metadata["bytes"], metadata["parameters"]) == (5, 41_796)
    assert metadata["input"]["shape"] == [None, 8, 8, 1]
    for text in (
        "# ST for digits (onnx int8)",
        "logits",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "64 training images of `digits` (pooled split",
        "float32 `[batch, 8, 8, 1]`, values 0..255",
        "collaborating by L2 with weight 0.01",
        "Epochs: 1; batches of 64 images",
        "test error 25.00 %, test cost (mean cross-entropy) 0.5000",
        "NLL, Brier score and calibration were not recorded by this run",
        "2,000 test images",
        "it misclassifies 5.25 % of them, and the float32 network 5.00 %. Of them 8 "
        "only the float32 network gets right and 3 only the artifact, p = 0.11 in the "
        "exact McNemar test, one-sided: a loss that so few images leave open.",
        "In float32 the same format takes 1.000 and 0.200: int8 takes 0.50 and 1.25 "
        "times as long on this machine, with uint8 activations; int8 ones took 0.375 "
        "in a batch.",
        "processors without VNNI",
        "not measured on other images than those of `digits`.",
        "8-bit integers: 1.25 % of its answers",
        "a part of the data",
    ):
        assert text in card
    row = artifact_table.table(tmp_path).splitlines()[1]
    assert row.startswith("ST-onnx-int8 ") and row.endswith("5.00 -> 5.25 %, open loss")


def test_the_card_tells_tf32_from_float32(digits_run, tmp_path):
    run = read_finished(digits_run)
    cards = {
        tf32: described(
            dataclasses.replace(run, record=run.record | {"tf32": tf32}),
            "ST",
            tmp_path / str(tf32) / "model.onnx",
        )[1]
        for tf32 in (True, False)
    }
    assert "trained and scored in TF32 and computes in float32" in cards[True]
    assert "At the end of training, in TF32: test" in cards[True]
    assert "TF32" not in cards[False] and "in float32: test" in cards[False]


def test_the_card_has_the_scores_beyond_the_error(digits_run, tmp_path):
    run = read_run(digits_run, tmp_path / "run", RECORDED)
    expected = {
        "ST": (
            "NLL 0.5124; Brier score 0.2500 (0 is best, 2 worst); expected calibration "
            "error 3.25 %",
            "those of `mnist`, whose classes it has not learnt, with an AUROC of 0.911",
            "not measured on other images than those of `digits` and `mnist`.",
        ),
        "ensemble": (
            "NLL 0.4000; Brier score 0.2000 (0 is best, 2 worst); expected calibration "
            "error 1.00 %",
            "disagree on 7.00 % of the test images.",
            "their mean error less its own, is 1.65 points.",
            "an AUROC of 0.940",
        ),
    }
    for member, texts in expected.items():
        metadata, card = described(run, member, tmp_path / member / "model.onnx")
        for text in texts:
            assert text in card
        assert "not recorded" not in card
        assert ("disagree" in card) == (member == "ensemble")
    assert metadata["scores"] == {
        "test_error": 0.25,
        "test_cost": 0.5,
        "nll": 0.4,
        "brier": 0.2,
        "ece": 0.01,
        "disagreement": 0.07,
        "gain": 0.0165,
        "auroc": 0.9398,
        "foreign": "mnist",
    }


@pytest.mark.parametrize(
    "verdict, text",
    [
        ("no loss", "no loss."),
        ("clear loss", "a clear loss, of which 0.5 points of error were allowed."),
    ],
)
def test_the_card_says_what_the_test_of_int8_says(
    verdict, text, digits_run, tmp_path, monkeypatch
):
    monkeypatch.setitem(CHECKED, "verdict", verdict)
    monkeypatch.setitem(CHECKED, "activations", "int8")
    monkeypatch.setitem(CHECKED, "batch_ms", {"int8": 0.25})
    run = read_finished(digits_run)
    _, card = described(run, "ST", tmp_path / "ST" / "model.onnx")
    assert f"in the exact McNemar test, one-sided: {text}" in card
    assert "1.25 times as long on this machine." in card and "VNNI" not in card


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"method": "Single", "alpha": 0.0}, "ST and ST, from the labels alone (J"),
        (
            {"members": ["ST"], "method": "KL", "alpha": 1.0, "teacher": ["M", "D"]},
            "ST, taught by KL with weight 1.0 by the ensemble of M and D (J. Noel",
        ),
        ({}, "precision float32. TensorFlow"),
        (
            {"dataset": "folder:/a/pets", "split": "official"},
            f"training images of `{own_names.short_name('folder:/a/pets')}` (seed 912)",
        ),
        (
            {"unlabeled": "folder:/a/wild"},
            f"; unlabeled {own_names.short_name('folder:/a/wild')}. TensorFlow",
        ),
        (
            {"reduction": "released", "pull": ["ST=0.5", "ST_2=0.0"], "labeled": 0.1},
            "precision float32; reduction released; pull ST=0.5, ST_2=0.0; labeled "
            "0.1. TensorFlow",
        ),
    ],
)
def test_the_card_says_how_it_was_trained(settings, text, digits_run, tmp_path):
    run = read_finished(digits_run)
    run.record["config"] |= settings
    _, card = described(run, "ST", tmp_path / "ST" / "model.onnx")
    assert text in card


def test_a_run_that_was_not_tried_on_foreign_images(digits_run, tmp_path):
    without = {k: v for k, v in RECORDED.items() if k not in ("foreign", "detection")}
    run = read_run(digits_run, tmp_path / "run", without)
    _, card = described(run, "ST", tmp_path / "ST" / "model.onnx")
    assert "NLL 0.5124" in card and "AUROC" not in card
    with pytest.raises(UnusableRun, match="no scores of ST_2: 'ST_2'"):
        run.test_scores("ST_2")


def test_a_card_says_how_pictures_were_made_of_one_size(digits_run, tmp_path):
    run = read_run(digits_run, tmp_path / "run", RECORDED, image_size="8x8")
    metadata, card = described(run, "ST", tmp_path / "a" / "m")
    assert "All were stretched to 8x8: bilinear, antialiased, as Pillow's" in card
    assert metadata["input"]["resize"].startswith("bilinear, antialiased")


def test_a_card_of_unequal_classes(digits_run, tmp_path):
    counts = {"confusion": np.diag([300, 200, *[100] * 8]), "balanced_error": 0.375}
    scores = {name: one | counts for name, one in RECORDED["models"].items()}
    run = read_run(digits_run, tmp_path / "run", RECORDED | {"models": scores})
    _, card = described(run, "ST", tmp_path / "a" / "model.onnx")
    assert "Its classes are unequal: the mean of their errors is 37.50 %." in card
