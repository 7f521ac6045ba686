"""To import first: loads Triton, where it is installed, before TensorFlow is.

PyTorch 2.14.1 loads Triton 3.8.0 with its first optimizer. Where TensorFlow 2.21.0 is
loaded already, that ends the process; the other way round both work.
"""

import contextlib

with contextlib.suppress(ImportError):
    import triton  # noqa: F401
