"""Builds the package; everything else is said in setup.cfg.

In a checkout the paper's files and numbers lie at the top, beside the package. In a
wheel they are in it, so that `collaborative` is the only name that is installed.
"""

import pathlib

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGE = "collaborative"
MODULES = (
    *("resnet", "models", "datasets", "logger"),
    *("analysis", "run_experiments", "export", "predict"),
)
NUMBERS = "paper"  # a folder of tables


class BuildWithThePapersFiles(build_py):
    """Adds the paper's files to the package, unless it stays in its checkout."""

    def find_package_modules(self, package, package_dir):
        found = super().find_package_modules(package, package_dir)
        if package == PACKAGE and not self.editable_mode:
            found += [(package, name, f"{name}.py") for name in MODULES]
        return found

    def run(self):
        super().run()
        if not self.editable_mode:
            for path in sorted(pathlib.Path(NUMBERS).glob("*.csv")):
                copy = pathlib.Path(self.build_lib, PACKAGE, NUMBERS, path.name)
                self.mkpath(str(copy.parent))
                self.copy_file(str(path), str(copy))


setup(cmdclass={"build_py": BuildWithThePapersFiles})
