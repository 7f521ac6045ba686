"""Pages in Firefox, which treats what is opened from disk otherwise than Chromium."""

import firefox
import numpy as np
import pytest
from nearest_digits import NAMES, digits, nearest_mean
from npm_package import PACKAGE
from page_use import given
from PIL import Image

from collaborative.deployment.web import onnx_runtime, page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(firefox.PATH is None, reason="needs firefox"),
]


def opened(tab, folder, runtime=None):
    """Opens a page of digits; 20 pictures of them as PNG files, what it should say."""
    model, (pictures, _) = nearest_mean(), digits()
    content = page.Content(class_names=NAMES, mistakes=((pictures[0], NAMES[0]),))
    page.write(folder / "index.html", {"nearest": model}, content, runtime)
    files = [folder / f"{i}.png" for i in range(20)]
    for file, picture in zip(files, pictures, strict=False):
        Image.fromarray(picture[..., 0]).save(file)
    tab.open(folder / "index.html")
    tab.wait("document.querySelectorAll('#mistakes button').length === 1")
    answers = np.argmax(model(pictures[:20].astype(np.float32)), axis=1)
    return files, [NAMES[answer] for answer in answers]


@pytest.mark.parametrize("name", ["interpreter", "onnx"])
def test_pictures_are_classified_as_in_python(name, tmp_path):
    if name == "onnx" and not PACKAGE:
        pytest.skip("needs ONNXRUNTIME_WEB")
    runtime = onnx_runtime.read(PACKAGE) if name == "onnx" else None
    with firefox.Tab() as tab:
        files, wanted = opened(tab, tmp_path, runtime)
        assert given(tab, files) == (wanted, [])
        assert len(set(wanted)) == 10


def test_pixels_that_the_browser_hides_are_not_guessed(tmp_path):
    with firefox.Tab(**{"privacy.resistFingerprinting": True}) as tab:
        files, wanted = opened(tab, tmp_path)
        Image.open(files[0]).save(tmp_path / "0.jpg")
        shown, lines = given(tab, [files[0], tmp_path / "0.jpg"])
    assert shown == wanted[:1]
    assert len(lines) == 1 and lines[0].startswith("0.jpg: this browser lets no page")
