"""A page in Chromium: it answers as Python does, and says what it cannot do."""

import base64
import io
import json

import chromium
import keras
import numpy as np
import PIL
import pytest
from nearest_digits import NAMES, digits, nearest_mean
from page_use import focus, given
from picture_files import EXACT, NEAR, noise, png, saved
from PIL import Image

from collaborative.data import pictures
from collaborative.deployment.web import page

pytestmark = pytest.mark.skipif(chromium.PATH is None, reason="needs chromium")
# Of 255: decoders of JPEG round otherwise, and so does resizing by another Pillow.
JPEG_LEVELS = 3
RESIZED_LEVELS = 0 if PIL.__version__.startswith("13.") else 1


@pytest.fixture(scope="module")
def model():
    return nearest_mean()


@pytest.fixture(scope="module")
def some_page(model, tmp_path_factory):
    pictures, labels = digits()
    answers = np.argmax(model(pictures.astype(np.float32)), axis=1)
    wrong = np.flatnonzero(answers != labels)[:3]
    content = page.Content(
        title="nearest for digits",
        class_names=NAMES,
        card="# A card\n\ntext",
        mistakes=tuple((pictures[i], NAMES[labels[i]]) for i in wrong),
        mistakes_note="Some.",
        drawing=page.drawing_of(pictures[:50]),
    )
    path = tmp_path_factory.mktemp("page") / "index.html"
    page.write(path, {"nearest": model}, content)
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium.Tab() as tab:
        yield tab


@pytest.fixture
def tab(browser, some_page):
    """The page, freshly opened; no test may leave an error or a request behind."""
    browser.events.clear()
    browser.open(some_page)
    browser.wait("document.querySelectorAll('#mistakes button').length === 3")
    yield browser
    assert browser.requested() == {some_page.as_uri()}
    assert browser.faults() == []


def test_200_pictures_are_classified_as_in_python(tab, model, tmp_path):
    pictures, _ = digits()
    paths = [tmp_path / f"{i}.png" for i in range(200)]
    for path, picture in zip(paths, pictures, strict=False):
        Image.fromarray(picture[..., 0]).save(path)
    found, refused = given(tab, paths)
    answers = np.argmax(model(pictures[:200].astype(np.float32)), axis=1)
    assert len(set(answers)) == 10
    assert (found, refused) == ([NAMES[answer] for answer in answers], [])
    # Those of the first are shown: its probabilities too.
    wanted = np.array(keras.ops.softmax(model(pictures[:1].astype(np.float32))))[0]
    shown = tab.run("document.querySelector('#answers table').innerText").split("\n")
    percents = [float(line.split()[-2]) for line in shown if line.endswith("%")]
    np.testing.assert_allclose(percents, 100 * wanted, atol=0.051)
    assert tab.run("document.querySelector('#caption').textContent") == "0.png"


def pixels(tab, content, shape):
    text = base64.b64encode(content).decode()
    return np.array(
        tab.run(
            f"""(async () => {{
              const bytes = Uint8Array.from(atob("{text}"), (c) => c.charCodeAt(0));
              const read = await pictures.read(new File([bytes], "picture"));
              return Array.from(pictures.fit(read, {list(shape)}));
            }})()"""
        )
    ).reshape(shape)


@pytest.mark.parametrize("shape", [(8, 6, 1), (8, 6, 3), (6, 8, 3), (5, 11, 1)])
def test_pictures_are_read_as_in_python(tab, shape):
    for name, content in (EXACT | NEAR).items():
        found = pixels(tab, content, shape)
        wanted = pictures.read(io.BytesIO(content), shape)
        is_resized = Image.open(io.BytesIO(content)).size != (shape[1], shape[0])
        most = JPEG_LEVELS if name in NEAR else RESIZED_LEVELS * is_resized
        difference = np.abs(found - wanted.astype(int)).max()
        assert difference <= most, (name, difference)


def test_what_is_no_picture_is_one_line(tab, tmp_path):
    good = saved(Image.fromarray(noise(8, 6)))
    huge = png(depth=8, colour=0, width=100_000, height=100_000, data=b"")
    sixteen = Image.fromarray(noise(8, 6).astype(np.uint16) * 257)
    files = {
        "notes.txt": (b"hello", "not a picture that this browser can read"),
        "empty.png": (b"", "not a picture that this browser can read"),
        "deep.png": (saved(sixteen), "16 bits a channel"),
        "huge.png": (huge, "100000 x 100000 pixels are too many, at most 50 million"),
        "short.png": (good[:-30], "a damaged picture"),
    }
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.png").write_bytes(good)
    found, refused = given(tab, [*(tmp_path / n for n in files), tmp_path / "good.png"])
    assert len(found) == 1
    for line, (name, (_, text)) in zip(refused, files.items(), strict=True):
        assert line.startswith(f"{name}: {text}") and "\n" not in line
    heavy = tab.run("pictures.read({ size: 65e6 }).catch((error) => error.message)")
    assert heavy == "65 MB are too many, at most 64 fit here: make it smaller"
    many = [tmp_path / f"{i}.txt" for i in range(8)]
    for path in many:
        path.write_bytes(b"x")
    assert given(tab, many)[1][5:] == ["and 3 more that cannot be used"]


@pytest.mark.slow
def test_a_photograph_that_is_too_large_is_one_line(tab, tmp_path):
    path = tmp_path / "wall.jpg"
    Image.new("L", (10_000, 8_000)).save(path)
    found, (refused,) = given(tab, [path])
    assert found == []
    assert refused.startswith("wall.jpg: 10000 x 8000 pixels are too many, at most 50")


def without(browser, name, path):
    """Opens a page in a browser that lacks something; puts that back afterwards."""
    script = browser.call(
        "Page.addScriptToEvaluateOnNewDocument", source=f"delete window.{name}"
    )
    browser.open(path)
    browser.call("Page.removeScriptToEvaluateOnNewDocument", **script)


def test_without_decompression_the_browser_decodes(tab, some_page):
    """Where nothing is half transparent, of which a canvas would lose colours."""
    without(tab, "DecompressionStream", some_page)
    tab.wait("document.querySelectorAll('#mistakes button').length === 3")
    assert tab.run("typeof DecompressionStream") == "undefined"
    assert tab.run("document.querySelector('#state').hidden")
    for name in ("grey", "colour", "smooth", "small palette", "png, orientation 6"):
        found = pixels(tab, EXACT[name], (8, 6, 3))
        wanted = pictures.read(io.BytesIO(EXACT[name]), (8, 6, 3))
        assert np.abs(found - wanted.astype(int)).max() <= RESIZED_LEVELS, name


def test_by_keyboard(tab):
    reached = focus(tab, 6)
    assert reached[:4] == ["files", "camera", "pad", "clear"]
    assert all(", says " in text for text in reached[4:])
    pressed = "document.querySelector('[aria-pressed=true]').textContent"
    for key, code, text in (("Enter", 13, "\r"), (" ", 32, " ")):
        tab.run("document.querySelector('#mistakes button').click()")
        assert tab.run(pressed) == reached[4]
        tab.press(key, code=code, text=text)
        assert tab.run(pressed) == reached[5]
    says = tab.run("document.querySelector('#status').textContent")
    assert says.startswith(reached[5].split(", says ")[1] + ", ")
    tab.run("document.querySelector('#pad').focus()")
    for key, code in (("ArrowUp", 38), ("ArrowDown", 40)):
        for _ in range(12):
            tab.press(key, shift=True, code=code)
    tab.wait("document.querySelector('#caption').textContent === 'your drawing'")
    assert tab.run("document.querySelector('[aria-pressed=true]')") is None


def test_drawn_with_the_mouse(tab):
    box = tab.run(
        "document.querySelector('#pad').scrollIntoView(),"
        "JSON.stringify(document.querySelector('#pad').getBoundingClientRect())"
    )
    box = json.loads(box)
    for kind, share in (
        ("Pressed", 0.5),
        ("Moved", 0.6),
        ("Moved", 0.7),
        ("Released", 0.7),
    ):
        x, y = box["x"] + box["width"] / 8, box["y"] + share * box["height"]
        tab.call(
            "Input.dispatchMouseEvent",
            **{"type": f"mouse{kind}", "x": x, "y": y, "button": "left"},
            clickCount=1,
        )
    tab.wait("document.querySelector('#caption').textContent === 'your drawing'")
    # A short stroke at the margin comes to the middle, as long as the data's digits.
    seen = "document.querySelector('#seen')"
    levels = np.array(
        tab.run(f"Array.from({seen}.getContext('2d').getImageData(0, 0, 8, 8).data)")
    ).reshape(8, 8, 4)[..., 0]
    centre = (
        (levels * np.arange(8)[:, None]).sum() / levels.sum(),
        (levels * np.arange(8)).sum() / levels.sum(),
    )
    np.testing.assert_allclose(centre, (3.5, 3.5), atol=0.3)
    tab.run("document.querySelector('#clear').click()")


def test_a_network_that_fails_says_so_and_goes_on(tab):
    """As by memory that runs out; what is drawn afterwards has an answer again."""
    line = "document.querySelector('#problems').textContent"
    tab.run("Float32Array.from = () => { throw new RangeError('no memory') }")
    tab.run("document.querySelector('#pad').focus()")
    tab.press("ArrowUp", shift=True, code=38)
    tab.wait(f"{line}.startsWith('No answer, since this failed: no memory.')")
    tab.run("delete Float32Array.from")
    tab.press("ArrowUp", shift=True, code=38)
    tab.wait("document.querySelector('#caption').textContent === 'your drawing'")
    (fault,) = tab.faults()
    assert "no memory" in str(fault)
    tab.events.remove(fault)


def test_pixels_that_the_browser_hides_are_not_guessed(tab, tmp_path):
    """As browsers do against fingerprinting: what is read is not what was painted."""
    Image.fromarray(digits()[0][0][..., 0]).save(tmp_path / "0.jpg")
    hide = "CanvasRenderingContext2D.prototype.getImageData = (x, y, w, h) =>"
    tab.run(f"({hide} new ImageData(w, h), 0)")
    shown, (line,) = given(tab, [tmp_path / "0.jpg"])
    assert shown == [] and line.startswith("0.jpg: this browser lets no page read")
    assert line.endswith("allow it for this page, or choose PNG files")


def test_from_the_camera(tab):
    tab.run("document.querySelector('#camera').click()")
    tab.wait("document.querySelector('#video').videoWidth > 0")
    tab.run("document.querySelector('#take').click()")
    assert tab.run("document.querySelector('#caption').textContent") == "camera"
    tab.run("document.querySelector('#stop').click()")
    assert tab.run("document.querySelector('#live').hidden")


@pytest.mark.parametrize("width", [320, 1400])
def test_long_names_of_classes_can_be_read(browser, tmp_path, width):
    model, (pictures, _) = nearest_mean(), digits()
    names = tuple(f"class_{i:03}_of_many" for i in range(10))
    content = page.Content(class_names=names, mistakes=((pictures[0], names[0]),))
    page.write(tmp_path / "index.html", {"nearest": model}, content)
    browser.open(tmp_path / "index.html", width=width)
    browser.wait("document.querySelector('#answers table')")
    cell = "document.querySelector('#answers th').getBoundingClientRect()"
    assert browser.run(f"{cell}.width") >= 75
    assert browser.run(f"{cell}.height") < 75  # three lines
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_screen(tab, some_page, width, dark):
    tab.open(some_page, width=width, dark=dark)
    tab.wait("document.querySelector('#answers table')")
    tab.run("document.querySelector('details').open = true")
    assert tab.run("document.documentElement.scrollWidth") <= width
    ground = tab.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(18, 22, 27)" if dark else "rgb(246, 247, 249)")


def test_a_browser_that_lacks_something_says_so(browser, some_page):
    without(browser, "createImageBitmap", some_page)
    broken = browser.run("document.querySelector('#state').innerText")
    assert broken.startswith("This browser lacks") and "\n" not in broken
    assert browser.run("document.querySelector('#main').hidden")


def test_without_javascript_one_line_says_so(browser, some_page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(some_page)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    shown = browser.run("document.body.innerText")
    assert "JavaScript, which is switched off" in shown and "Starting" not in shown


def test_the_answer_comes_soon(tab):
    """0.15 s here; the bound leaves room for a busy machine."""
    assert tab.run("performance.getEntriesByName('answer')[0].startTime") < 3000
