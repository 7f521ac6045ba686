"""To import first: finds the project's code, loads Triton, then TensorFlow quietly.

PyTorch 2.14.1 loads Triton 3.8.0 with its first optimizer. Where TensorFlow 2.21.0 is
loaded already, that ends the process; the other way round both work.
"""

import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from collaborative.system import streams

with contextlib.suppress(ImportError):
    import triton  # noqa: F401
streams.start_tensorflow()
