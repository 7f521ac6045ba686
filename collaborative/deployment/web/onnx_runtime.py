"""ONNX Runtime in a page, from the folder of npm's package `onnxruntime-web`.

The package has its licence's name alone; the texts, which are to go with it, are those
that `onnxruntime` for Python brings.
"""

from __future__ import annotations

import functools
import gzip
import importlib.metadata
import importlib.resources
import pathlib
import re
import tempfile

from etils import epy

from collaborative.deployment import float_onnx
from collaborative.deployment.web import base85, runtime
from collaborative.system import files
from collaborative.system.errors import UserError

with epy.lazy_imports():
    from collaborative.deployment.web import graph

PACKAGE = "onnxruntime-web"
KNOWN = "1.30.0"  # a version with the files below
MODULE = "dist/ort.wasm.bundle.min.mjs"
WASM = "dist/ort-wasm-simd-threaded.wasm"
_NO_ADDRESS = '"data:,"'
_EXPORT = re.compile(r"export\s*\{([^{}]*)\};?\s*(//.*)?\s*\Z")


class NotThePackage(UserError, ValueError):
    """A folder that is not the package, or not as it is known; one line."""


def read(directory):
    """The runtime that a folder of the package makes.

    Args:
        directory: such as `node_modules/onnxruntime-web`.

    Raises:
        NotThePackage: where it is something else, or a version with other files.
    """
    directory = pathlib.Path(directory)
    version = _version(directory)
    missing = [name for name in (MODULE, WASM) if not (directory / name).is_file()]
    if missing:
        raise _unknown(directory, version, f"has no {' and no '.join(missing)}")
    module = _for_all((directory / MODULE).read_text(encoding="utf-8"))
    if module is None:
        raise _unknown(directory, version, f"does not end {MODULE} with its exports")
    return runtime.Runtime(
        "onnx",
        functools.cache(embed),  # a page is written more than once
        name=f"{PACKAGE} {version}",
        module=module,
        wasm=base85.encode(_compressed((directory / WASM).read_bytes())),
        licences=_licences(),
    )


def embed(model):
    """A network for a page, see `runtime.Runtime`.

    Raises:
        graph.NotExpressible: where it does not take one image.
    """
    graph.check(model)
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary, "model.onnx")
        float_onnx.write(model, str(path))
        return {}, _compressed(path.read_bytes())


def _compressed(data):
    return gzip.compress(data, mtime=0)  # the same bytes whenever it is done


def _version(directory):
    try:
        facts = files.read_json(directory / "package.json")
        name, version = facts["name"], facts["version"]
    except (OSError, ValueError, LookupError, TypeError):
        name, version = "no package of npm", ""
    if name != PACKAGE:
        raise NotThePackage(
            f"--onnxruntime_web wants the folder of npm's package {PACKAGE}, and in "
            f"{directory} is {name}: run npm install {PACKAGE}, and give "
            f"node_modules/{PACKAGE}"
        )
    return version


def _unknown(directory, version, problem):
    return NotThePackage(
        f"--onnxruntime_web wants {PACKAGE} as of {KNOWN}, and {version} in "
        f"{directory} {problem}: run npm install {PACKAGE}@{KNOWN}"
    )


def _for_all(module):
    """A module whose exports become properties of the global `ort`; None: it has none.

    A script in a page can import no other one, as long as the page is opened from disk.
    From there it has no address that is to be resolved either: in Firefox that fails.
    """
    found = _EXPORT.search(module)
    if found is None:
        return None
    module = module[: found.start()].replace("import.meta.url", _NO_ADDRESS)
    pairs = [pair.split(" as ") for pair in found[1].split(",")]
    names = ",".join(f"{pair[-1].strip()}:{pair[0].strip()}" for pair in pairs)
    return f"{module}globalThis.ort={{{names}}};\n"


def _licences():
    folder = importlib.resources.files("onnxruntime")
    texts = (folder / name for name in ("LICENSE", "ThirdPartyNotices.txt"))
    licence, notices = (text.read_text(encoding="utf-8") for text in texts)
    version = importlib.metadata.version("onnxruntime")
    return (
        f"{licence.strip()}\n\n"
        f"What is built into it, by the notices of ONNX Runtime {version}:\n\n"
        f"{notices.strip()}\n"
    )
