"""The folder of npm's package onnxruntime-web, if ONNXRUNTIME_WEB names it."""

import os

import pytest

PACKAGE = os.environ.get("ONNXRUNTIME_WEB")
needs_package = pytest.mark.skipif(not PACKAGE, reason="needs ONNXRUNTIME_WEB")
