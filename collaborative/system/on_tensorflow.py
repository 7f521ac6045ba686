"""Imported by what is imported first, above Keras: one line where its backend is wrong.

Without it, Keras would be imported with that backend, or fail because it is not there.
"""

from __future__ import annotations

from collaborative.system import libraries

libraries.check_backend()
