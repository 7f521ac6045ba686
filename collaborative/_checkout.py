"""In a checkout: the paper's files beside the package, as modules of the package.

`from models import EnsembleModel`, in the checkout's folder, gives the module
`collaborative.models` too. Two copies of a module would have two classes of one name,
and Keras knows one of them only.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pathlib
import sys

NAMES = ("resnet", "models", "datasets", "logger")  # that people import


def adopt(folder):
    """Makes the files in the checkout's folder modules of the package."""
    package = sys.modules["collaborative"]
    package.__path__.append(str(folder))
    sys.meta_path.insert(0, _ByTheirShortNames(folder))
    for name in NAMES:  # one of them may be what imports the package
        module = sys.modules.get(name)
        if module and _is_in(folder, name, getattr(module, "__file__", None)):
            sys.modules[f"collaborative.{name}"] = module
            setattr(package, name, module)


def _is_in(folder, name, path):
    return bool(path) and pathlib.Path(path).resolve() == (folder / f"{name}.py")


class _ByTheirShortNames(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Has `import models` give `collaborative.models`, where that is the file meant."""

    def __init__(self, folder):
        self._folder = folder.resolve()

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in NAMES:
            return None
        meant = importlib.machinery.PathFinder.find_spec(name)
        if meant is None or not _is_in(self._folder, name, meant.origin):
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        module = importlib.import_module(f"collaborative.{spec.name}")
        self._spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self._spec  # the import has set that of the short name
