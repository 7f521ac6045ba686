"""docs/demo.html: it is what its members give, and answers in Chromium as they do."""

import base64
import io
import json
import re
import shlex
import shutil

import chromium
import numpy as np
import pytest
from conftest import REAL_DATA, ROOT, needs_real_data
from page_use import focus, given
from PIL import Image

from collaborative import export, models
from collaborative.data.examples import Examples
from collaborative.deployment import plain_models, runtimes, verification
from collaborative.deployment.web import exhibit, page
from collaborative.runs.run import read_finished

DEMO = ROOT / "docs" / "demo.html"
MEMBERS = ROOT / "results" / "members" / "mnist"
needs_chromium = pytest.mark.skipif(chromium.PATH is None, reason="needs chromium")


def in_chromium(test):
    return pytest.mark.slow(needs_chromium(test))


@pytest.fixture(scope="module")
def networks():
    """The page's networks by what they are called, made of the members."""
    run, apart = (read_finished(MEMBERS / name) for name in ("L2_0.01", "Single_0.0"))
    trained = models.load_model(run.model_path, compile=False)
    plain = plain_models.plain_model(trained, "ST")
    return exhibit.networks(run, trained, plain, apart)


@pytest.fixture(scope="module")
def digits():
    """200 test pictures of MNIST, `datasets.Examples`."""
    with np.load(MEMBERS / "pictures.npz") as found:
        return Examples(found["images"], found["labels"])


@pytest.fixture(scope="module")
def logits(networks, digits):
    """Those of all networks for the pictures, `[networks, pictures, classes]`."""
    each = (outputs(network, digits.images) for network in networks.values())
    return np.stack(list(each))


def outputs(network, images):
    return runtimes.run_in_batches(verification.outputs_of(network), images)


def parts(path):
    """(scripts and styles of a page but its content, the content, its visible text)."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"<(?:script|style)(.*?)>(.*?)</(?:script|style)>", text, re.S)
    code = [block for block in blocks if 'id="content"' not in block[0]]
    ((_, content),) = (block for block in blocks if block not in code)
    body = text.partition("<body>")[2].partition("<script")[0]
    return code, json.loads(content), " ".join(re.sub(r"<[^>]*>", "", body).split())


def test_it_is_what_its_members_give(networks, digits, tmp_path):
    given = page.Content(drawing=page.drawing_of(digits.images))
    page.write(tmp_path / "page.html", networks, given)
    wanted_code, wanted, _ = parts(tmp_path / "page.html")
    code, content, text = parts(DEMO)
    assert code == wanted_code  # the weights too
    shown, _ = content.pop("mistakes"), wanted.pop("mistakes")
    assert content == wanted
    assert f"Side by side: {'; '.join(networks)}." in text
    assert len(shown) == exhibit.MISTAKES


def test_it_shows_what_its_members_get_wrong(networks):
    _, content, text = parts(DEMO)
    images, labels = [], []
    for one in content["mistakes"]:
        images.append(Image.open(io.BytesIO(base64.b64decode(one["source"]))))
        labels.append(content["classes"].index(one["label"]))
    images = np.stack([np.array(image) for image in images])[..., None]
    answers = [outputs(n, images).argmax(axis=1) for n in networks.values()]
    assert np.all(np.any(np.array(answers) != labels, axis=0))
    # How often each errs is what its run says of it.
    runs = [(MEMBERS / name, "ST") for name in ("L2_0.01", "Single_0.0")]
    runs.append((MEMBERS / "L2_0.01", "ensemble"))
    said = re.findall(r"[\d,]+ of ([\d,]+) \(([\d.]+) %\)", text)
    for (run, name), (_, percent) in zip(runs, said, strict=False):
        error = read_finished(run).test_scores(name)["test_error"]
        assert float(percent) == pytest.approx(100 * error, abs=0.03)


def test_it_is_small():
    assert DEMO.stat().st_size < 2_200_000


@pytest.mark.slow
@needs_real_data
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_command_makes_it(tmp_path, run_command):
    """But for what the machine says: times, how far outputs differ, and so the size."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"python export\.py (.*) --output_dir", makefile)
    words = shlex.split(line.replace("$(MEMBERS)", str(MEMBERS)))
    status, _, err = run_command(
        *(export, *words, "--output_dir", tmp_path, "--data_dir", REAL_DATA)
    )
    assert (status, err) == (0, [])
    made, committed = parts(tmp_path / "ST-web" / "index.html"), parts(DEMO)
    assert made[:2] == committed[:2]
    number = r"[\d.,e-]+(?= bytes| kB| at most| alone| in a batch)|cores: \d+"
    assert re.sub(number, "", made[2]) == re.sub(number, "", committed[2])


@pytest.fixture(scope="module")
def browser():
    with chromium.Tab() as opened:
        yield opened


@pytest.fixture
def tab(browser):
    """The demo, freshly opened; no request and no error may be left behind."""
    browser.events.clear()
    browser.open(DEMO)
    shown = "document.querySelectorAll('#mistakes button').length"
    browser.wait(f"{shown} === {exhibit.MISTAKES}")
    yield browser
    assert browser.requested() == {DEMO.as_uri()}
    assert browser.faults() == []


@in_chromium
def test_200_pictures_are_classified_as_in_python(tab, digits, logits, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(len(digits))]
    for path, image in zip(paths, digits.images, strict=True):
        Image.fromarray(image[..., 0]).save(path)
    found, refused = given(tab, paths)
    assert (found, refused) == ([str(c) for c in logits[0].argmax(axis=1)], [])


@in_chromium
def test_200_pictures_have_the_logits_of_python(tab, digits, logits):
    text = base64.b64encode(digits.images.tobytes()).decode()
    size = digits.images[0].size
    found = tab.run(
        f"""(() => {{
          const bytes = Uint8Array.from(atob("{text}"), (c) => c.charCodeAt(0));
          const text = (id) => document.getElementById(id).textContent;
          return network.load(JSON.parse(text("content")), text).map((run) => {{
            const all = [];
            for (let at = 0; at < bytes.length; at += {size}) {{
              const image = bytes.subarray(at, at + {size});
              all.push(Array.from(run(Float32Array.from(image))));
            }}
            return all;
          }});
        }})()"""
    )
    found = np.array(found)
    assert np.array_equal(found.argmax(axis=2), logits.argmax(axis=2))
    most = verification.TOLERANCE * np.abs(logits).max()
    assert np.abs(found - logits).max() <= most


@in_chromium
def test_by_keyboard(tab):
    assert focus(tab, 4) == ["files", "camera", "pad", "clear"]
    (mistake,) = focus(tab, 1)
    tab.press(" ", code=32, text=" ")
    pressed = "document.querySelector('[aria-pressed=true]').textContent"
    assert tab.run(pressed) == mistake and ", say " in mistake


@in_chromium
def test_it_is_as_wide_as_a_phone(tab):
    tab.open(DEMO, width=400)
    tab.wait("document.querySelector('#answers table')")
    tab.run("document.querySelector('details').open = true")
    assert tab.run("document.documentElement.scrollWidth") <= 400
