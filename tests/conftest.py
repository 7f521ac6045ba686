"""Shared by all tests: the project's root on the path, small data, real data."""

import pathlib
import pickle
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data" / "tfds"
sys.path.insert(0, str(ROOT))


@pytest.fixture
def images_and_labels():
    """96 images of 8x8x1 in three classes, told apart by their brightness."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 96)
    images = labels[:, None, None, None] * 80 + rng.integers(0, 60, (96, 8, 8, 1))
    return images.astype(np.uint8), labels


def logged_run(config, log_dir, epochs=4, seconds=None, finished=False):
    """Writes the statistics that a run of the experiment would have logged."""
    seconds = np.ones(epochs) if seconds is None else np.array(seconds, float)
    curves = {"test_error": np.full(len(seconds), 0.5)}
    content = {
        "params": config.to_json(),
        "start_time": 1.0,
        "end_time": 2.0 if finished else None,
        "models": {"ensemble": curves},
        "totals": {},
        "seconds": seconds,
    }
    run_dir = config.run_dir(log_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "stats.pkl").write_bytes(pickle.dumps(content))
