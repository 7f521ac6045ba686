"""Whether two data sets hold the same examples."""

import numpy as np


def assert_same(one, other):
    for part in ("train", "validation", "test"):
        a, b = getattr(one, part), getattr(other, part)
        assert a.images.shape == b.images.shape and a.images.dtype == b.images.dtype
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, b.labels)
