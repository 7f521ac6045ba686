"""The order of the house: who imports whom, and that importing does nothing."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from storeys import SAME_ROOM, STOREYS

LEVEL = {room: level for level, rooms in enumerate(STOREYS) for room in rooms}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted([*ROOT.glob("collaborative/**/*.py"), *ROOT.glob("*.py")])
    if path.name not in ("__init__.py", "_checkout.py", "setup.py")
}


def room_of(module):
    """The room of a module, as `collaborative.nn.metrics` or `models`."""
    room = module.removeprefix("collaborative.").partition(".")[0]
    return SAME_ROOM.get(room, room)


def imported(path):
    """Modules of the project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_storeys_below_its_own(module):
    own = room_of(module)
    rooms = {
        room_of(name)
        for name in imported(FILES[module])
        if name.startswith("collaborative.")
    }
    above = {r for r in rooms - {own} if LEVEL.get(r, 99) >= LEVEL[own]}
    assert not above, f"{module} must not import {above}"


def test_no_module_is_imported_by_its_short_name():
    """`from models import …` is for people; two copies of a module are not one."""
    short = {path.stem for path in ROOT.glob("*.py")}
    for module, path in FILES.items():
        roots = {name.partition(".")[0] for name in imported(path)}
        assert not roots & short, module


def public_functions():
    """Each function or method that `from collaborative import …` offers, as a node."""
    package = ast.parse((ROOT / "collaborative/__init__.py").read_text())
    for node in ast.walk(package):
        if not isinstance(node, ast.ImportFrom) or _file_of(node.module) not in FILES:
            continue
        names = {name.name for name in node.names}
        for found in ast.parse(FILES[_file_of(node.module)].read_text()).body:
            if getattr(found, "name", None) not in names:
                continue
            body = found.body if isinstance(found, ast.ClassDef) else [found]
            for function in body:
                if getattr(function, "name", None) in (found.name, "__init__"):
                    yield function


def _file_of(module):
    """A module as FILES has it, where the paper's are on top."""
    short = module.removeprefix("collaborative.")
    return module if module in FILES else short


def test_what_people_call_says_what_it_takes():
    functions = list(public_functions())
    assert {"build_resnet", "__init__", "load_runs"} < {f.name for f in functions}
    for function in functions:
        arguments = function.args
        given = [*arguments.args, *arguments.kwonlyargs, arguments.kwarg]
        bare = [a.arg for a in given if a and a.arg != "self" and not a.annotation]
        assert not bare, f"{function.name}: {bare}"
        assert function.returns or function.name == "__init__", function.name


def test_files_of_tests_have_names_of_their_own():
    """Pytest takes two of one name for one, and leaves the second out."""
    names = [path.name for path in ROOT.glob("tests/**/*.py")]
    assert len(set(names)) == len(names)


def test_no_file_of_tests_is_imported():
    """What several files use is in a module without tests, or in conftest.py."""
    for path in ROOT.glob("tests/**/*.py"):
        of_tests = [name for name in imported(path) if name.startswith("test_")]
        assert not of_tests, path


IMPORT_ALL = """
import importlib, sys
from absl import flags
for name in sys.argv[1].split(","):
    importlib.import_module(name)
import tensorflow as tf
# Refused once the context of TensorFlow's eager execution is there.
tf.config.threading.set_intra_op_parallelism_threads(1)
ours = [m for m in flags.FLAGS.flags_by_module_dict() if m.startswith("collaborative")]
assert not ours, ours
pyplot = sys.modules.get("matplotlib.pyplot")
assert pyplot is None or not pyplot.get_fignums()
"""


def test_importing_every_module_does_nothing(tmp_path, python):
    names = [n if "." in n else f"collaborative.{n}" for n in FILES]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = python("-c", IMPORT_ALL, ",".join(names), cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_is_light():
    code = (
        "import sys, collaborative;"
        "heavy = {'tensorflow', 'keras', 'pandas', 'matplotlib', 'numpy', 'scipy'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


BY_SHORT_NAMES = """
import numpy as np
{first}
import keras
from {models} import EnsembleModel
import models, resnet, collaborative
assert models is collaborative.models and collaborative.EnsembleModel is EnsembleModel
assert resnet.PRESETS is collaborative.PRESETS
shape = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
members = [resnet.build_resnet(shape, (8, 8, 1), 3, name, seed=0) for name in "ab"]
ensemble = EnsembleModel(members, method="L2", alpha=0.01)
ensemble.compile("adam", run_eagerly=True)  # no graph is to be traced
images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype("uint8")
ensemble.fit(images, np.arange(32) % 3, verbose=0)
ensemble.save("ensemble.keras")
for load in (keras.models.load_model, collaborative.load_model):
    loaded = load("ensemble.keras")
    assert type(loaded) is EnsembleModel
    np.testing.assert_array_equal(loaded(images), ensemble(images))
"""


@pytest.mark.parametrize("first", ["", "import collaborative"])
def test_the_checkout_s_files_by_their_short_names(first, tmp_path, python):
    code = BY_SHORT_NAMES.format(first=first, models="models")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = python("-c", code, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
