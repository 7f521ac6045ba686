"""Pages that compute by themselves: their networks, their text, what is refused."""

import json
import math
import os
import re
import struct
import subprocess

import keras
import numpy as np
import psutil
import pytest
from collaborative.models import EnsembleModel, SingleModel
from collaborative.resnet import PRESETS, ResNetConfig, build_resnet
from keras import layers as kl
from models_in_node import (
    SHAPE,
    built,
    compare,
    conv,
    filled,
    images,
    needs_node,
)

from collaborative import models
from collaborative.data.examples import Examples
from collaborative.deployment import (
    formats,
    plain_models,
    predictors,
    runtimes,
    verification,
)
from collaborative.deployment.web import base85, exhibit, graph, interpreter, page

HOSTILE = "</script><script>window.hacked = 1</script><!--"


@needs_node
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1)])
def test_grey_images(shape, tmp_path):
    model = keras.Sequential(
        [keras.Input(shape), kl.Rescaling(1 / 255), kl.Flatten(), kl.Dense(4)]
    )
    compare(filled(model), tmp_path)


@needs_node
@pytest.mark.parametrize("average", ["logits", "probabilities"])
@pytest.mark.parametrize("softmax", [False, True])
def test_an_ensemble(average, softmax, tmp_path):
    small = ResNetConfig(bricks=2, repetitions=1, filters=4)
    members = [
        filled(build_resnet(small, (8, 8, 1), 5, name, seed=1), seed)
        for seed, name in enumerate("ab")
    ]
    ensemble = EnsembleModel(members, average=average)
    compare(plain_models.plain_model(ensemble, "ensemble", softmax), tmp_path)


def plain_of(preset):
    member = build_resnet(PRESETS[preset], (32, 32, 3), 10, preset, seed=1)
    member.layers[1].set_weights([np.full(3, 120.0), np.full(3, 4000.0)])
    return plain_models.plain_model(SingleModel(member), preset)


@needs_node
@pytest.mark.parametrize(
    "preset, most",
    [("ST", 500_000), pytest.param("VD", 7_000_000, marks=pytest.mark.slow)],
)
def test_pages_of_our_networks_are_small(preset, most, tmp_path):
    path = compare(plain_of(preset), tmp_path, verification.TOLERANCE, count=2)
    assert 0.8 * most * (preset == "VD") < path.stat().st_size < most


@needs_node
def test_predict_takes_a_page(digits_run, tmp_path):
    trained = models.load_model(digits_run / "model.keras", compile=False)
    formats.write(
        plain_models.plain_model(trained, "ST"), tmp_path / "index.html", "web"
    )
    metadata = {
        **{"file": "index.html", "format": "web", "member": "ST", "outputs": "logits"},
        "class_names": list("0123456789"),
        "input": {"shape": [None, 8, 8, 1]},
    }
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    given = list(images(4, (8, 8, 1)).astype(np.uint8))
    found = predictors.load(tmp_path).probabilities(given)["ST"]
    wanted = predictors.load(digits_run).probabilities(given)["ST"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_24_bits_of_each_weight_are_read_back():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=3 * interpreter.BLOCK - 7).astype(np.float32)
    weights[interpreter.BLOCK : 2 * interpreter.BLOCK] = 0
    values = {c: i for i, c in enumerate(base85.ALPHABET)}
    text, words = base85.encode(interpreter.packed(weights, bytes_each=3)), []
    assert not set(text) & set("<>&\"'\\")
    for start in range(0, len(text), 5):
        word = 0
        for character in text[start : start + 5]:
            word = 85 * word + values[character]
        words.append(struct.pack(">I", word))
    data, found = b"".join(words), []
    for at in range(0, 3 * (4 + 3 * interpreter.BLOCK), 4 + 3 * interpreter.BLOCK):
        (unit,) = struct.unpack_from(">f", data, at)
        for i in range(interpreter.BLOCK):
            three = data[at + 4 + 3 * i : at + 7 + 3 * i]
            found.append(unit * int.from_bytes(three, "big", signed=True))
    error = np.abs(np.array(found)[: len(weights)] - weights).max()
    assert 0 < error <= 0.51 * np.abs(weights).max() / 2**23


class Doubling(kl.Dense):
    """A layer of somebody's own."""

    def call(self, inputs):
        return 2 * super().call(inputs)


def two_inputs():
    ends = [keras.Input((8, 8, 1)) for _ in range(2)]
    return keras.Model(ends, kl.Flatten()(kl.Add()(ends)), name="two")


REFUSED = {
    "layer 'own' (Doubling) is of a class that": lambda x: Doubling(2, name="own")(x),
    "layer 'norm' (LayerNormalization) is of": kl.LayerNormalization(name="norm"),
    "layer 'rows' (BatchNormalization) normalises over another axis than the last": (
        kl.BatchNormalization(axis=1, name="rows")
    ),
    "layer 'threshold' (ReLU) is a ReLU with a threshold": (
        kl.ReLU(threshold=0.5, name="threshold")
    ),
    "layer 'celu' (Activation) has the activation celu": (
        kl.Activation("celu", name="celu")
    ),
    "(Sin) is an operation that the page does not have": keras.ops.sin,
    "(Add) has inputs of different shapes": lambda x: kl.Add()([x, conv(1, 1)(x)]),
    "layer 'first' (Conv2D) has its channels first": (
        conv(2, 1, data_format="channels_first", name="first")
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_page_cannot_express_is_named(text, tmp_path):
    with pytest.raises(formats.ConversionFailed) as refused:
        formats.write(built(REFUSED[text]), tmp_path / "index.html", "web")
    said = str(refused.value)
    assert said.startswith("model as web: layer '") and text in said
    assert said.endswith("; ONNX Runtime may have it, see --onnxruntime_web")
    assert "\n" not in said and not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    "make, text",
    [
        (two_inputs, "one image"),
        (lambda: built(kl.Flatten(), (4, 4, 2)), "1 or 3 channels"),
        (lambda: built(kl.Flatten(), (None, 4, 3)), "of a fixed size"),
        (
            lambda: keras.Sequential([keras.Input((4, 4, 3)), kl.ReLU()]),
            "not a number a class",
        ),
    ],
)
def test_other_models_are_refused(make, text):
    with pytest.raises(graph.NotExpressible, match=text):
        graph.convert(make())


def test_a_page_too_large_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_BYTES", 20_000_000)
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, kl.Dense(100_000)(kl.Flatten()(inputs)))
    with pytest.raises(page.TooLarge, match=r"a page of 25 MB.* 20 at most"):
        page.write(tmp_path / "index.html", {"large": model})
    assert not list(tmp_path.iterdir())


def test_names_are_text_wherever_they_stand(tmp_path):
    model = built(lambda x: kl.Dense(2)(kl.Flatten()(x)))
    content = page.Content(
        **{"title": HOSTILE, "class_names": (HOSTILE, "b"), "mistakes_note": HOSTILE},
        card=f"# {HOSTILE}\n\n`{HOSTILE}` and *{HOSTILE}*",
        mistakes=((images(1)[0].astype(np.uint8), HOSTILE),),
    )
    page.write(tmp_path / "index.html", {HOSTILE: model}, content)
    text = (tmp_path / "index.html").read_text()
    assert HOSTILE not in text and "<!--" not in text
    assert text.count("</script>") == text.count("<script") == 5
    (block,) = re.findall(r'id="content">(.*?)</script>', text, re.S)
    data = json.loads(block)
    assert data["classes"][0] == data["models"][0]["name"] == HOSTILE
    assert "default-src 'none'" in text and not re.findall(r"https?://", text)


def test_the_card_in_html():
    text = "# T\n\n## A & b\n\nits `x<y>` and *em*\nline"
    assert page.card_as_html(text).splitlines() == [
        "<h3>T</h3>",
        "<h3>A &amp; b</h3>",
        "<p>its <code>x&lt;y&gt;</code> and <em>em</em> line</p>",
    ]


def test_drawings_are_as_the_data_s():
    digit = np.zeros((1, 28, 28, 1), np.uint8)
    digit[0, 4:24, 10:15] = 200  # 20 rows of 28
    expected = {"bright": True, "fill": round(20 / 28, 3)}
    assert page.drawing_of(digit) == expected
    assert page.drawing_of(255 - digit) == expected | {"bright": False}
    assert page.drawing_of(np.zeros((1, 8, 8, 3), np.uint8)) is None
    assert page.drawing_of(np.zeros((1, 8, 8, 1), np.uint8))["fill"] == 1


def test_mistakes_are_spread_over_the_set():
    pictures = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    labels = np.zeros(100, np.int64)
    labels[10:60] = 1
    outputs = np.tile([1.0, 0.0], (100, 1))  # says 0 to all
    examples = Examples(pictures, labels)
    shown, note = exhibit.mistakes({"n": outputs}, examples, ("a", "b"))
    assert [int(image[0, 0, 0]) for image, _ in shown][::11] == [10, 59]
    assert len(shown) == exhibit.MISTAKES and {name for _, name in shown} == {"b"}
    assert note.startswith("50 of 100 test pictures (50.00 %); here are 12.")
    few = Examples(pictures[:10], labels[:10])
    assert exhibit.mistakes({"n": outputs[:10]}, few, ("a", "b"))[0] == ()


def test_several_networks_show_what_any_gets_wrong():
    pictures = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    examples = Examples(pictures, np.int64([0, 0, 0, 0, 1, 1, 1, 1]))
    says = {"first": [0, 0, 0, 1, 1, 1, 1, 1], "second": [0, 0, 1, 1, 1, 1, 1, 0]}
    outputs = {name: np.eye(2)[answers] for name, answers in says.items()}
    shown, note = exhibit.mistakes(outputs, examples, ("a", "b"))
    assert [(int(image[0, 0, 0]), name) for image, name in shown] == [
        *((2, "a"), (3, "a"), (7, "b")),
    ]
    assert note.startswith("One of them at least gets 3 of 8 test pictures (37.50 %)")
    assert exhibit.errors(outputs, examples) == {
        "first": "1 of 8 (12.50 %)",
        "second": "3 of 8 (37.50 %)",
    }


def test_the_lead_says_what_being_together_means():
    apart = exhibit.lead(["ST, trained apart", "M, trained apart"])
    assert apart == "Side by side: ST, trained apart; M, trained apart."
    assert "from each other" in exhibit.lead(["ST, trained together (L2, 0.01)"])


def test_without_node_a_page_is_not_said_to_be_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert verification.verify_float("web", tmp_path, *[None] * 4) == {"images": 0}
    with pytest.raises(FileNotFoundError, match="Node, which is not installed"):
        runtimes.load("web", tmp_path)


@needs_node
def test_images_that_are_not_the_page_s_are_refused(tmp_path):
    formats.write(built(kl.Flatten()), tmp_path / "index.html", "web")
    function = runtimes.load("web", tmp_path / "index.html")
    size = math.prod(built(kl.Flatten()).input_shape[1:])
    for given in (size - 1, size + 1):
        with pytest.raises(ValueError, match=f"takes {size} numbers, got {given}"):
            function(np.zeros((1, given), np.float32))


@needs_node
def test_node_ends_when_nobody_asks_it_any_more(tmp_path):
    formats.write(built(kl.Flatten()), tmp_path / "index.html", "web")
    before = set(psutil.Process().children())
    function = runtimes.load("web", tmp_path / "index.html")
    function(images(1))
    (node,) = set(psutil.Process().children()) - before
    assert node.is_running()
    del function
    assert not node.is_running()


@needs_node
def test_the_interpreter_in_node_ends_with_its_input(tmp_path):
    path = tmp_path / "index.html"
    formats.write(built(kl.Flatten()), path, "web")
    runner = page.HERE / "runner.js"
    done = subprocess.run(
        ["node", runner, path], input=b"", capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    size = math.prod(SHAPE)
    assert struct.unpack("<II", done.stdout) == (size, size)
    assert os.path.getsize(page.HERE / "interpreter.js") < 16_000
