import numpy as np
import pytest
from collaborative.models import SingleModel
from collaborative.resnet import ResNetConfig, build_resnet

from collaborative import datasets
from collaborative.deployment import verification


def fake_process(monkeypatch, outputs):
    latency = {"alone": 1.0, "batch": 1.0, "cores": 1}
    monkeypatch.setattr(
        verification, "run_in_a_fresh_process", lambda *_: (outputs, latency)
    )


def test_the_fresh_process_has_none_of_our_code(tmp_path):
    member = build_resnet(ResNetConfig(1, 1, 2), (8, 8, 1), 3, "small")
    SingleModel(member).save(tmp_path / "model.keras")
    with pytest.raises(verification.VerificationFailed, match="without our code"):
        verification.run_in_a_fresh_process(
            "keras", tmp_path / "model.keras", np.zeros((1, 8, 8, 1))
        )


def int8_verified(monkeypatch, int8, float32, **kwargs):
    """Has int8 judged on 400 images of class 0; `int8` and `float32` are the images
    that each gets wrong."""

    def outputs(wrong):
        answers = np.zeros(400, int)
        answers[list(wrong)] = 1
        return np.eye(2, dtype=np.float32)[answers]

    fake_process(monkeypatch, outputs(int8))
    images, labels = np.zeros((400, 1, 1, 1), np.uint8), np.zeros(400, np.int64)
    answers = iter([outputs(float32)[:256], outputs(float32)[256:]])
    examples = datasets.Examples(images, labels)
    return verification.verify_low_precision(
        "onnx", "int8", "x", lambda _: next(answers), examples, **kwargs
    )


@pytest.mark.parametrize(
    "int8, float32, p_value, verdict",
    [
        (range(0), range(0), 1.0, "no loss"),
        (range(9), range(9), 1.0, "no loss"),
        (range(2), range(9), 1.0, "no loss"),  # better is never refused
        (range(4), range(0), 1 / 16, "open loss"),  # though a whole point
        # Eight lost, two gained: (45 + 10 + 1) ways of 2^10.
        (range(2, 12), range(4), 56 / 1024, "open loss"),
        # Three lost, four gained: (35 + 35 + 21 + 7 + 1) of 2^7.
        (range(4, 7), range(4), 99 / 128, "no loss"),
    ],
)
def test_int8_is_judged_in_pairs(int8, float32, p_value, verdict, monkeypatch):
    found = int8_verified(monkeypatch, int8, float32)
    assert found["lost"] == len(set(int8) - set(float32))
    assert found["gained"] == len(set(float32) - set(int8))
    assert found["int8_error"] == len(int8) / 400
    assert found["float32_error"] == len(float32) / 400
    changed = found["lost"] + found["gained"]
    assert found["changed_answers"] == changed / 400
    assert (found["p_value"], found["verdict"]) == (p_value, verdict)


def test_a_clear_loss_is_refused(monkeypatch):
    # Seven of seven: 2^-7, and 1.75 points.
    message = (
        r"int8 misclassifies 1\.75 % of 400 .* float32 0\.00 %, a clear loss "
        r"\(p = 0\.0078\) of more than 0\.5 points: not exported; --tolerance"
    )
    with pytest.raises(verification.VerificationFailed, match=message):
        int8_verified(monkeypatch, range(7), range(0))
    found = int8_verified(monkeypatch, range(7), range(0), tolerance=1.75)
    assert (found["verdict"], found["tolerance"]) == ("clear loss", 1.75)
    with pytest.raises(verification.VerificationFailed, match=r"than 1\.74 points"):
        int8_verified(monkeypatch, range(7), range(0), tolerance=1.74)
    with pytest.raises(verification.VerificationFailed):
        int8_verified(monkeypatch, range(7), range(0), tolerance=float("nan"))


def test_nan_is_refused_whatever_the_tolerance(monkeypatch):
    fake_process(monkeypatch, np.full((4, 2), np.nan, np.float32))
    examples = datasets.Examples(np.zeros((4, 1, 1, 1), np.uint8), np.zeros(4, int))
    with pytest.raises(verification.VerificationFailed, match="int8 gives NaN"):
        verification.verify_low_precision(
            "onnx", "int8", "x", lambda _: np.eye(4, 2), examples, tolerance=100
        )


@pytest.mark.parametrize(
    "outputs, message",
    [
        ([[5.0, 0.0]], None),
        ([[5.0004, 0.0]], None),  # 1e-4 of 5
        ([[5.001, 0.0]], "differ by 0.001 from the model it was made of's, allowed"),
        ([[np.nan, 0.0]], "differ by nan"),
        ([[5.0, 0.0, 0.0]], r"shape \(1, 3\), those of the model"),
    ],
)
def test_float_outputs_must_agree(outputs, message, monkeypatch):
    fake_process(monkeypatch, np.array(outputs, np.float32))
    arguments = ("onnx", "x", *[lambda _: np.float32([[5.0, 0.0]])] * 2)
    images = np.zeros((1, 8, 8, 1), np.uint8)
    if message is None:
        verification.verify_float(*arguments, images, "float32")
    else:
        with pytest.raises(verification.VerificationFailed, match=message):
            verification.verify_float(*arguments, images, "float32")


def test_mixed_precision_may_differ_more_from_the_trained_model(monkeypatch):
    fake_process(monkeypatch, np.float32([[5.0, 0.0]]))
    images = np.zeros((1, 8, 8, 1), np.uint8)
    expected, trained = (lambda _, x=x: np.float32([[x, 0]]) for x in (5.0, 5.1))
    checked = verification.verify_float("onnx", "x", expected, trained, images,
                                        "bfloat16")  # fmt: skip
    assert checked["largest_difference_from_trained"] == pytest.approx(0.1, abs=1e-5)
    with pytest.raises(verification.VerificationFailed, match="the trained model"):
        verification.verify_float("onnx", "x", expected, trained, images, "float32")
