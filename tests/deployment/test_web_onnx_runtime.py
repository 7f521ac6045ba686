"""Pages that compute by ONNX Runtime.

Most tests make do with a stand-in for npm's package. The slow ones want its folder:

    npm install onnxruntime-web
    ONNXRUNTIME_WEB=node_modules/onnxruntime-web python -m pytest THIS_FILE
"""

import base64
import dataclasses
import functools
import gzip
import json
import re

import chromium
import keras
import numpy as np
import pytest
from keras import layers as kl
from models_in_node import built, compare, images, needs_node
from nearest_digits import NAMES, digits, nearest_mean
from npm_package import PACKAGE, needs_package
from page_use import given
from PIL import Image

from collaborative import export
from collaborative.deployment import formats, runtimes, verification
from collaborative.deployment.web import base85, onnx_runtime, page

# Its networks answer with what they were made of, and what they are given.
STAND_IN = """
class A { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
const b = { wasm: {}, isOnDisk: import.meta.url.startsWith("file:") };
const c = {
  async create(onnx) {
    const run = async ({ given: { dims } }) => ({
      out: { data: Float32Array.of(onnx.length, b.wasm.wasmBinary.length, ...dims) },
    });
    return { inputNames: ["given"], outputNames: ["out"], run };
  },
};
export{A as Tensor,b as env,c as InferenceSession};
//# sourceMappingURL=stand-in.map
"""
WASM = b"\0asm, or nearly"


def package(folder, name="onnxruntime-web", module=STAND_IN, wasm=onnx_runtime.WASM):
    """Writes a stand-in; its folder."""
    (folder / "dist").mkdir()
    facts = {"name": name, "version": "9.8.7"}
    (folder / "package.json").write_text(json.dumps(facts))
    (folder / onnx_runtime.MODULE).write_text(module)
    (folder / wasm).write_bytes(WASM)
    return folder


def of_six_classes():
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, kl.Dense(6)(kl.Flatten()(inputs)), name="six")


@pytest.fixture
def stand_in(tmp_path):
    """The runtime of a stand-in, for which no ONNX file is written."""
    runtime = onnx_runtime.read(package(tmp_path))
    return dataclasses.replace(runtime, embed=lambda _: ({}, gzip.compress(b"12345")))


@needs_node
def test_a_page_hands_over_what_it_holds(stand_in, tmp_path):
    path = tmp_path / "index.html"
    page.write(path, {"six": of_six_classes()}, runtime=stand_in)
    function = runtimes.load("web", path)
    np.testing.assert_array_equal(
        function(images(2, (8, 8, 1))), [[5, len(WASM), 1, 8, 8, 1]] * 2
    )


def test_the_page_of_a_package(stand_in, tmp_path):
    path = tmp_path / "index.html"
    page.write(path, {"six": of_six_classes()}, runtime=stand_in)
    text = path.read_text()
    assert "script-src 'unsafe-inline' 'wasm-unsafe-eval';" in text
    assert "default-src 'none'" in text
    assert text.count("</script>") == text.count("<script") == 7
    for gone in ("stand-in.map", "export{", "import.meta"):
        assert gone not in text
    assert "globalThis.ort={Tensor:A,env:b,InferenceSession:c};" in text
    assert "Licences of onnxruntime-web 9.8.7" in text
    assert "Permission is hereby granted" in text and "flatbuffers" in text
    assert "const functions = {" not in text  # the interpreter is not in it


@pytest.mark.parametrize("size", range(9))
def test_the_text_of_bytes_is_as_long_as_they_want(size):
    data = bytes(range(251 - size, 251))
    text = base85.encode(data)
    assert len(text) == -(-5 * size // 4) and set(text) <= set(base85.ALPHABET)
    assert base64.b85decode(text.translate(str.maketrans(",:.", "<>&"))) == data


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, export)


def refusal(command, folder, form="web"):
    """The line with which a folder is refused, as a bad value of the flag."""
    status, _, lines = command(
        *("--run", "nowhere", "--format", form, "--onnxruntime_web", folder)
    )
    assert status == 2
    (line,) = lines
    return line


def test_the_flag_is_for_pages(command, tmp_path):
    line = refusal(command, tmp_path, "keras")
    assert "--onnxruntime_web works with --format web, got keras" in line


def test_a_folder_that_is_no_package(command, tmp_path):
    wanted = "wants the folder of npm's package onnxruntime-web, and in"
    for text in (None, "{", "[]", '{"name": "onnxruntime-web"}'):
        if text:
            (tmp_path / "package.json").write_text(text)
        line = refusal(command, tmp_path)
        assert f"{wanted} {tmp_path} is no package of npm: run npm install" in line


def test_another_package(command, tmp_path):
    line = refusal(command, package(tmp_path, name="onnxruntime-node"))
    assert f"{tmp_path} is onnxruntime-node: run npm install onnxruntime-web" in line


@pytest.mark.parametrize(
    "changed, text",
    [
        ({"wasm": "dist/other.wasm"}, f"has no {onnx_runtime.WASM}"),
        ({"module": "var a;"}, f"does not end {onnx_runtime.MODULE} with its exports"),
    ],
)
def test_a_version_with_other_files(changed, text, command, tmp_path):
    line = refusal(command, package(tmp_path, **changed))
    assert f"as of {onnx_runtime.KNOWN}, and 9.8.7 in {tmp_path} {text}" in line
    assert line.endswith(f"run npm install onnxruntime-web@{onnx_runtime.KNOWN}")


def test_what_takes_no_picture_is_refused(stand_in, tmp_path):
    model = built(kl.Flatten(), (4, 4, 2))
    runtime = dataclasses.replace(stand_in, embed=onnx_runtime.embed)
    with pytest.raises(formats.ConversionFailed, match="1 or 3 channels") as refused:
        formats.write(model, tmp_path / "index.html", "web", web_runtime=runtime)
    assert "--onnxruntime_web" not in str(refused.value)


@pytest.fixture(scope="module")
def real():
    return onnx_runtime.read(PACKAGE)


@pytest.mark.slow
@needs_package
@pytest.mark.skipif(chromium.PATH is None, reason="needs chromium")
@pytest.mark.parametrize("layer", [None, kl.LayerNormalization(axis=(1, 2))])
def test_200_pictures_in_chromium(layer, real, tmp_path):
    model, path = nearest_mean(layer), tmp_path / "index.html"
    pictures, _ = digits()
    files = [tmp_path / f"{i}.png" for i in range(200)]
    for file, picture in zip(files, pictures, strict=False):
        Image.fromarray(picture[..., 0]).save(file)
    content = page.Content(
        class_names=NAMES,
        mistakes=((pictures[0], NAMES[0]),),
        drawing=page.drawing_of(pictures[:50]),
    )
    page.write(path, {"nearest": model}, content, real)
    assert path.stat().st_size < 5_400_000
    with chromium.Tab() as tab:
        tab.open(path)
        tab.wait("document.querySelectorAll('#mistakes button').length === 1")
        found, refused = given(tab, files)
        answers = np.argmax(model(pictures[:200].astype(np.float32)), axis=1)
        assert len(set(answers)) == 10
        assert (found, refused) == ([NAMES[answer] for answer in answers], [])
        assert tab.run("document.querySelector('#caption').textContent") == "0.png"
        for width in (400, 1400):
            tab.open(path, width=width)
            tab.wait("document.querySelector('#answers table')")
            tab.run(
                "for (const e of document.querySelectorAll('details')) e.open = true"
            )
            assert tab.run("document.documentElement.scrollWidth") <= width
        assert tab.requested() == {path.as_uri()}
        assert tab.faults() == []
        said = [e for e in tab.events if e["method"] == "Runtime.consoleAPICalled"]
        assert said == []


@pytest.mark.slow
@needs_package
@pytest.mark.skipif(chromium.PATH is None, reason="needs chromium")
def test_a_browser_that_lacks_something_says_so(real, tmp_path):
    path = tmp_path / "index.html"
    page.write(path, {"six": of_six_classes()}, runtime=real)
    lacks = {
        "delete window.DecompressionStream": "DecompressionStream",
        "delete window.WebAssembly": "WebAssembly with SIMD",
        "WebAssembly.validate = () => false": "WebAssembly with SIMD",
    }
    with chromium.Tab() as tab:
        for source, name in lacks.items():
            script = tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)
            tab.open(path)
            tab.call("Page.removeScriptToEvaluateOnNewDocument", **script)
            tab.wait("document.querySelector('#state').className === 'bad'")
            line = tab.run("document.querySelector('#state').innerText")
            wanted = f"This browser lacks what the page needs ({name}): open it in a"
            assert line.startswith(wanted) and "\n" not in line
            assert tab.run("document.querySelector('#main').hidden")


@pytest.mark.slow
@needs_package
@needs_node
def test_a_network_is_checked_in_its_page(real, digits_run, tmp_path, command):
    status, _, err = command(
        *("--run", digits_run, "--member", "ST", "--format", "web"),
        *("--onnxruntime_web", PACKAGE, "--output_dir", tmp_path),
    )
    assert (status, err) == (0, [])
    metadata = json.loads((tmp_path / "ST-web" / "metadata.json").read_text())
    assert metadata["runtime"] == real.name
    assert metadata["verification"]["images"] == 64
    card = " ".join((tmp_path / "ST-web" / "README.md").read_text().split())
    assert f"It computes by {real.name}, which is in the page with its" in card
    text = (tmp_path / "ST-web" / "index.html").read_text()
    assert re.search(rf"It computes by {re.escape(real.name)}, which", text)


@pytest.mark.slow
@needs_package
@needs_node
def test_what_neither_can_is_one_line(real, tmp_path):
    path = compare(built(kl.LayerNormalization()), tmp_path, 1e-5, runtime=real)
    steps = built(lambda x: kl.Dense(3)(kl.Flatten()(kl.Discretization([0.5])(x))))
    formats.write(steps, path, "web", web_runtime=real)
    outputs = verification.outputs_of(steps)
    with pytest.raises(verification.VerificationFailed) as refused:
        verification.verify_float("web", path, outputs, outputs, images(1), "float32")
    said = str(refused.value)
    assert said.startswith("web cannot be run without our code: ") and "\n" not in said
    assert "No Op registered for Bucketize" in said
