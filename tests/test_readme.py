import re
import runpy

import keras
import numpy as np
import tensorflow as tf
from conftest import ROOT


def test_the_example_on_somebodys_own_models_runs(
    tmp_path, monkeypatch, capsys, registered
):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    example, export, cost = (
        next(block for block in blocks if text in block)
        for text in ("EnsembleModel(", "plain_model(", "@register(")
    )
    own_cost = cost.replace("ensemble =", "with_own_cost =")
    (tmp_path / "example.py").write_text(example + export + own_cost)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images = rng.random((64, 28, 28)).astype(np.float32)
    data = {"images": images, "labels": rng.integers(0, 10, 64)}
    names = runpy.run_path("example.py", init_globals=data)
    assert "'large_error': " in capsys.readouterr().out
    assert isinstance(names["batches"], tf.data.Dataset)
    small, large = (names[name](images).numpy() for name in ("small", "large"))
    np.testing.assert_allclose(
        names["ensemble"].predict(images, verbose=0), (small + large) / 2, atol=1e-5
    )
    assert names["with_own_cost"].method == "L4"
    saved = keras.models.load_model(tmp_path / "small.keras")
    np.testing.assert_allclose(saved(images), small, atol=1e-5)
    plain = keras.models.load_model(tmp_path / "ensemble.keras")
    probabilities = tf.nn.softmax((small + large) / 2)
    np.testing.assert_allclose(plain(images), probabilities, atol=1e-5)


def test_every_room_and_each_of_the_paper_s_files_is_named():
    text = (ROOT / "README.md").read_text()
    missing = {p.name for p in ROOT.glob("*.py") if p.name not in text}
    rooms = {p.parent.name for p in ROOT.glob("collaborative/*/__init__.py")}
    missing |= {room for room in rooms if f"{room}/" not in text}
    assert missing == set()
