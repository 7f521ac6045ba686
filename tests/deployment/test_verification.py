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


@pytest.mark.parametrize(
    "wrong_before, wrong, message",
    [
        (0, 0, None),
        (5, 7, None),  # half a point of 400 images is 2 of them
        (7, 5, None),
        (0, 3, r"int8 misclassifies 0\.75 % of 400 .* float32 0\.00 %: .* 0\.5 points"),
        (9, 6, r"int8 misclassifies 1\.50 % of 400 .* float32 2\.25 %: .* 0\.5 points"),
    ],
)
def test_int8_errs_within_half_a_point(wrong_before, wrong, message, monkeypatch):
    def outputs(count):
        """Outputs for 400 images of class 0, of which `count` are taken for class 1."""
        return np.array([[0, 1]] * count + [[1, 0]] * (400 - count), np.float32)

    fake_process(monkeypatch, outputs(wrong))
    images, labels = np.zeros((400, 1, 1, 1), np.uint8), np.zeros(400, np.int64)
    answers = iter([outputs(wrong_before)[:256], outputs(wrong_before)[256:]])
    arguments = (
        "onnx",
        "x",
        lambda _: next(answers),
        datasets.Examples(images, labels),
    )
    if message:
        with pytest.raises(verification.VerificationFailed, match=message):
            verification.verify_int8(*arguments)
    else:
        checked = verification.verify_int8(*arguments)
        assert checked["int8_error"] == wrong / 400
        assert checked["float32_error"] == wrong_before / 400
        assert checked["changed_answers"] == abs(wrong - wrong_before) / 400


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
