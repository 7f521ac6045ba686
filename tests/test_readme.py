import re
import runpy

import numpy as np
from conftest import ROOT


def test_the_example_on_somebodys_own_models_runs(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (example,) = (block for block in blocks if "EnsembleModel(" in block)
    (tmp_path / "example.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    data = {"images": rng.random((64, 28, 28)), "labels": rng.integers(0, 10, 64)}
    names = runpy.run_path("example.py", init_globals=data)
    assert "'large_error': " in capsys.readouterr().out
    assert (tmp_path / "small.keras").exists()
    assert names["ensemble"].predict(data["images"], verbose=0).shape == (64, 10)
