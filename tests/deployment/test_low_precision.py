import keras
import numpy as np
import pytest

from collaborative import datasets
from collaborative.deployment import low_precision, runtimes, verification


@pytest.fixture
def network():
    he = keras.initializers.HeNormal
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, kernel_initializer=he(1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, kernel_initializer=he(2)),
        ],
        name="small",
    )


def measured(monkeypatch, batch_ms):
    """Lets artifacts of the names in `batch_ms` take so long."""

    def fake(form, artifact, images):
        function = runtimes.load(form, artifact)
        outputs = runtimes.run_in_batches(function, images)
        latency = {"alone": 1.0, "batch": batch_ms[artifact.parent.name], "cores": 1}
        return outputs, latency

    monkeypatch.setattr(verification, "run_in_a_fresh_process", fake)


@pytest.mark.parametrize(
    "slower, fastest",
    [("int8", "uint8"), pytest.param("uint8", "int8", marks=pytest.mark.slow)],
)
def test_the_faster_type_of_activations_is_kept(
    slower, fastest, network, tmp_path, monkeypatch
):
    onnx = pytest.importorskip("onnx")
    measured(monkeypatch, {"float": 3.0, slower: 2.0, fastest: 1.0})
    artifact = tmp_path / "model.onnx"
    found = low_precision.export(
        network, artifact, "onnx", "int8", datasets.load("digits"), 100
    )
    assert found["activations"] == fastest
    assert found["batch_ms"] == {slower: 2.0, fastest: 1.0}
    assert found["latency_ms"]["batch"] == 1.0
    assert found["float32_latency_ms"]["batch"] == 3.0
    tensors = onnx.load(artifact).graph.initializer
    has_unsigned = any(t.data_type == onnx.TensorProto.UINT8 for t in tensors)
    assert has_unsigned == (fastest == "uint8")
    outputs = runtimes.load("onnx", artifact)(np.zeros((2, 8, 8, 1), np.float32))
    assert outputs.shape == (2, 10)


def test_a_type_that_fails_is_not_taken(network, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    measured(monkeypatch, {"float": 3.0, "int8": 1.0, "uint8": 2.0})
    verify = verification.verify_low_precision

    def refuse(form, kind, artifact, *rest):
        if artifact.parent.name in refused:
            raise verification.VerificationFailed(f"{artifact.parent.name} loses")
        return verify(form, kind, artifact, *rest)

    monkeypatch.setattr(verification, "verify_low_precision", refuse)
    arguments = (network, tmp_path / "a", "onnx", "int8", datasets.load("digits"), 100)
    refused = {"int8"}
    assert low_precision.export(*arguments)["activations"] == "uint8"
    refused = {"int8", "uint8"}
    with pytest.raises(verification.VerificationFailed, match="uint8 loses"):
        low_precision.export(*arguments)
