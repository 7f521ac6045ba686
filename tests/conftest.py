"""Shared by all tests: the project's root on the path, small data, real data."""

import pathlib
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
