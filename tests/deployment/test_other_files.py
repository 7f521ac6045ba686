"""LiteRT and ONNX files as others make them."""

import pathlib

import keras
import numpy as np
import pytest

from collaborative.deployment import other_files, predictors
from collaborative.nn import outputs as kinds

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def onnx_file(path, shape, dtype="FLOAT", softmax=False):
    """A file whose outputs are the mean levels of (red, green, blue)."""
    helper, types = onnx.helper, onnx.TensorProto
    first = shape[1] in (1, 3)
    axes = [2, 3] if first else [1, 2]
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=types.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=axes, keepdims=0),
    ]
    nodes += [helper.make_node("Softmax", ["m"], ["p"], axis=1)] if softmax else []
    given = helper.make_tensor_value_info("x", getattr(types, dtype), shape)
    last = helper.make_tensor_value_info("p" if softmax else "m", types.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [last])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return pathlib.Path(path)


PICTURE = np.stack([np.full((4, 6), level, np.uint8) for level in (0, 51, 255)], -1)


@pytest.mark.parametrize(
    "shape", [("n", 4, 6, 3), (1, 4, 6, 3), (1, 3, 4, 6), (8, 4, 6, 3)]
)
def test_layouts_and_batches(shape, tmp_path):
    path = onnx_file(tmp_path / "a.onnx", shape)
    file = other_files.OtherFile(path, "onnx")
    assert (file.image_shape, file.count) == ((4, 6, 3), 3)
    assert file.kind == kinds.LOGITS
    assert "takes fractions and does not say which: it is given levels 0..255" in (
        file.note
    )
    two = np.stack([PICTURE, PICTURE[..., ::-1]]).astype(np.float32)
    np.testing.assert_allclose(file.outputs(two), [[0, 51, 255], [255, 51, 0]])


def test_what_fractions_are_scaled_to(tmp_path):
    path = onnx_file(tmp_path / "a.onnx", ("n", 4, 6, 3))
    file = other_files.OtherFile(path, "onnx", "-1..1")
    assert "levels -1..1" in file.note
    outputs = file.outputs(PICTURE[None].astype(np.float32))
    np.testing.assert_allclose(outputs, [[-1, -0.6, 1]], atol=1e-6)
    factor, offset = other_files.RANGES["0..1"]
    assert (255 * factor, offset) == (1, 0)


@pytest.mark.parametrize(
    "dtype, expected", [("UINT8", [0, 51, 255]), ("INT8", [-128, -77, 127])]
)
def test_integers_get_the_levels(dtype, expected, tmp_path):
    path = onnx_file(tmp_path / "a.onnx", ("n", 4, 6, 3), dtype)
    file = other_files.OtherFile(path, "onnx")
    assert file.note is None
    outputs = file.outputs(PICTURE[None].astype(np.float32))
    np.testing.assert_allclose(outputs, [expected])


@pytest.mark.parametrize(
    "shape, dtype, said",
    [
        (("n", "h", "w", 3), "FLOAT", r"inputs of shape \(None, None, None, 3\), not"),
        (("n", 4, 6, 2), "FLOAT", "not pictures of a known height and width"),
        (("n", 4, 6, 3), "INT64", "takes int64, which are no levels"),
        (("n", 4, 6, 1), "FLOAT", "is no classifier: its outputs are one number"),
    ],
)
def test_files_that_are_refused(shape, dtype, said, tmp_path):
    path = onnx_file(tmp_path / "a.onnx", shape, dtype)
    with pytest.raises(other_files.UnusableFile, match=said) as raised:
        other_files.OtherFile(path, "onnx")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_damaged(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_text("no model")
    with pytest.raises(other_files.UnusableFile, match=r"a\.onnx cannot be loaded: "):
        predictors.load(path)


def test_probabilities_are_taken_as_they_are(tmp_path):
    path = onnx_file(tmp_path / "a.onnx", ("n", 4, 6, 3), softmax=True)
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    predictor = predictors.load(path)
    assert predictor.class_names == ("red", "green", "blue")
    (found,) = predictor.probabilities([PICTURE])["a"]
    np.testing.assert_allclose(found, [0, 0, 1], atol=1e-6)


def test_a_litert_file(tmp_path):
    pytest.importorskip("ai_edge_litert")
    import tensorflow as tf

    inputs = keras.Input((4, 6, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    path = tmp_path / "a.tflite"
    path.write_bytes(converter.convert())
    predictor = predictors.load(path)
    assert (predictor.names, predictor.image_shape) == (("a",), (4, 6, 3))
    outputs = predictor.outputs(PICTURE[None].astype(np.float32))
    np.testing.assert_allclose(outputs, [[[0, 51, 255]]], rtol=1e-5)
