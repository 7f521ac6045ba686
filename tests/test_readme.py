"""README and docs/ followed by somebody who runs all that they show, in order.

Only what is marked so is left out: `not run` for what wants a network, a cluster or a
folder of the reader's, `slow` for what `pytest -m slow` runs. `test_pages` checks the
flags of these too.
"""

import dataclasses
import itertools
import re

import pages
import pytest
from conftest import ROOT
from reader import Reader

FOLLOWED = pages.in_order()
# What must be true after the Python of a page has run.
CHECKS = {
    "README.md": """
import numpy as np
alone = keras.models.load_model("small.keras")
np.testing.assert_allclose(alone(images), small(images))
np.testing.assert_allclose(ensemble(images), (small(images) + large(images)) / 2, 1e-5)
assert small.name == "small" and len(ensemble.history.epoch) == 5
""",
    "docs/own_data_and_networks.md": """
logits = (small(images) + large(images)) / 2
trained = load_model("ensemble.keras")
plain = keras.models.load_model("plain.keras")
np.testing.assert_allclose(trained(images), logits, 1e-5)
np.testing.assert_allclose(plain(images), tf.nn.softmax(logits), atol=1e-5)
assert [m.name for m in ensemble.members] == ["ST", "M"]
assert type(keras.models.load_model("small.keras")) is keras.Sequential
""",
}
# Networks and epochs of the copy that is followed at each change; what the pages say of
# files, commands and outputs is the same, and the slow test follows them as they are.
QUICK = (
    ("resnet.py", "3, repetitions=1, filters=8)", "1, repetitions=1, filters=4)"),
    ("resnet.py", "3, repetitions=2, filters=16)", "1, repetitions=1, filters=8)"),
    ("datasets.py", "epochs: int = 30 ", "epochs: int = 3 "),
)


def steps(with_slow):
    """What is run, in order: lists of blocks; those of Python that follow are one."""
    found = []
    for page in FOLLOWED:
        for block in pages.blocks(page):
            if block.language not in pages.CODE or block.mark == "not run":
                continue
            if block.mark == "slow" and not with_slow:
                continue
            if block.mark == "file":
                block = saved(block)
            last = found[-1][-1] if found else None
            is_continued = last and (last.page, last.language) == (page, "python")
            if is_continued and block.language == "python":
                found[-1].append(block)
            else:
                found.append([block])
    return found


def saved(block):
    """The block that saves a file's content."""
    text = f"open({block.reason!r}, 'w').write({block.text!r})\n"
    return dataclasses.replace(block, text=text)


@pytest.fixture(scope="module")
def reader(tmp_path_factory, python):
    if not (ROOT / ".git").exists():
        pytest.skip("git knows which files are the checkout's")
    folder = tmp_path_factory.mktemp("checkout")
    return Reader(ROOT, folder, python.program, edits=QUICK)


def follow(reader, with_slow):
    """Runs all steps, and compares what is said to be printed with what is."""
    printed = {block: None for page in FOLLOWED for block in outputs(page)}
    for step in steps(with_slow):
        text = "".join(block.text for block in step)
        if step[-1] == last_python(step[0].page):
            text += CHECKS.get(step[0].page, "")
        process = getattr(reader, step[0].language)(text)
        assert process.returncode == 0, f"{step[0]}: {process.stderr[-2000:]}"
        for output, block in printed_by(step):
            assert_printed(output, process.stdout)
            printed[output] = block
    assert None not in printed.values()


def last_python(page):
    """The last block of Python that is no file of its own."""
    python = (b for b in pages.blocks(page) if b.language == "python")
    found = [block for block in python if block.mark != "file"]
    return found[-1] if found else None


def outputs(page):
    return [block for block in pages.blocks(page) if block.mark == "output"]


def printed_by(step):
    """Pairs (output, block) of the outputs that stand after a block of the step."""
    every = list(pages.blocks(step[0].page))
    for block, after in itertools.pairwise(every):
        if block in step and after.mark == "output":
            yield after, block


def assert_printed(output, printed):
    """Compares lines in order, numbers aside; `...` stands for any lines."""
    masked = re.sub(r"\d[\d,.]*", "N", printed).splitlines()
    lines = iter([re.sub(r" +", " ", line) for line in masked])
    for line in output.text.splitlines():
        wanted = re.sub(r" +", " ", re.sub(r"\d[\d,.]*", "N", line))
        if line != "...":
            assert wanted in lines, f"{output} says {line!r}, printed is {printed}"


def test_the_pages_can_be_followed(reader):
    follow(reader, with_slow=False)
    said_by_keras(reader)


def said_by_keras(reader):
    """The error of a bare `load_model`, under its own words, and what puts it right."""
    page = "docs/own_data_and_networks.md"
    (words,) = [b.text for b in pages.blocks(page) if "Could not locate" in b.text]
    (cure,) = [b.text for b in pages.blocks(page) if "import collab" in b.text[:13]]
    bare = reader.python(cure.replace("import collaborative.models\n", ""))
    assert bare.returncode == 1
    assert " ".join(words.split()) in bare.stderr
    assert reader.python(cure).returncode == 0


def test_what_is_printed_is_compared_line_by_line():
    (output,) = outputs("README.md")
    printed = output.text.replace("...", "epoch 3/30\nepoch 4/30")
    assert_printed(output, printed.replace("ST 47.35", "ST 5.02"))
    for told, otherwise in (("ST 47.35", "ST nan"), ("cost.png", "costs.png")):
        with pytest.raises(AssertionError, match="printed is"):
            assert_printed(output, printed.replace(told, otherwise))


@pytest.mark.slow
def test_the_pages_can_be_followed_with_all_that_is_slow(tmp_path, python):
    follow(Reader(ROOT, tmp_path, python.program), with_slow=True)
