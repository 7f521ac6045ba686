import json
import os
import pickle
import platform
import subprocess
import sys

import pytest
from conftest import ROOT

from collaborative.system import environment, libraries, processor

# What notebooks, clusters and other projects leave behind.
ODD = {
    "CUDA_VISIBLE_DEVICES": "none,-7",
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_NNX_ENABLED": "true",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TF2_BEHAVIOR": "0",
    "TF_CONFIG": "{broken",
    "TF_USE_LEGACY_KERAS": "1",
}
KERAS_JSON = {
    "backend": "jax",
    "floatx": "float64",
    "image_data_format": "channels_first",
}
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# Of the paper's kind, so that the order of the axes counts, but quickly trained.
NETWORK = """
from collaborative import build_resnet, register_network
from collaborative.resnet import ResNetConfig

@register_network("small")
def small(input_shape, num_classes, name=None, seed=None, dtype=None):
    shape = ResNetConfig(bricks=1, repetitions=1, filters=4)
    return build_resnet(shape, input_shape, num_classes, name, seed=seed, dtype=dtype)
"""


@pytest.fixture
def odd_home(tmp_path):
    """A home with a keras.json and a matplotlibrc for other work."""
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras/keras.json").write_text(json.dumps(KERAS_JSON))
    (home / ".config/matplotlib").mkdir(parents=True)
    (home / ".config/matplotlib/matplotlibrc").write_text("text.usetex: True")
    return home


def run(*arguments, **environment):
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KERAS_") and name != ONEDNN
    }
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_settling(monkeypatch):
    monkeypatch.setattr(processor, "is_x86", lambda: False)
    environment = ODD | {"HOME": "/home/x"}
    libraries.settle(environment)
    assert environment == {
        "CUDA_VISIBLE_DEVICES": "none,-7",
        "HOME": "/home/x",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": "/dev/null",
        "MATPLOTLIBRC": "/dev/null",
        "MPLBACKEND": "agg",
    }


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_onednn_is_switched_on_unless_a_person_chose(monkeypatch, machine):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    chosen, left, empty = {ONEDNN: "0"}, {}, {ONEDNN: ""}
    for variables in (chosen, left, empty):
        libraries.settle(variables)
    assert chosen[ONEDNN] == "0"
    assert left[ONEDNN] == empty[ONEDNN] == "1"


def test_other_processors_are_left_to_tensorflow(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    environment = {}
    libraries.switch_onednn_on(environment)
    assert not environment


@pytest.mark.parametrize(
    "chosen, recorded",
    [("1", True), ("True", True), ("0", False), ("false", False), (None, None)],
)
def test_what_was_chosen_of_onednn_is_recorded(monkeypatch, chosen, recorded):
    monkeypatch.delenv(ONEDNN, raising=False)
    if chosen:
        monkeypatch.setenv(ONEDNN, chosen)
    assert environment.describe()["onednn"] is recorded


@pytest.mark.skipif(not processor.is_x86(), reason="of x86 processors")
def test_tensorflow_hears_of_it():
    """TensorFlow tells of oneDNN when it is imported, and in no other way."""
    code = (
        "from collaborative.system import libraries; libraries.settle(); "
        "import tensorflow"
    )
    process = run("-c", code, TF_CPP_MIN_LOG_LEVEL="0")
    assert process.returncode == 0
    assert "oneDNN custom operations are on" in process.stderr


@pytest.fixture
def short(tmp_path):
    """A command that trains a small network for two epochs."""
    network = tmp_path / "network.py"
    network.write_text(NETWORK)
    return (
        *(ROOT / "run_experiments.py", f"--plugin={network}", "--members=small"),
        *("--truncate=64", "--epochs=2", "--threads=1"),
    )


def assert_as_in_a_plain_environment(seed, short, tmp_path, python):
    """Both epochs of the run in `odd` have the statistics of one by `python`."""
    plain = python(*short, f"--log_dir={tmp_path}/plain", f"--seed={seed}")
    assert plain.returncode == 0, plain.stderr
    one, other = (
        pickle.loads(path.read_bytes())["models"]["small"]["train_cost"].tolist()
        for kind in ("odd", "plain")
        for path in (tmp_path / kind).rglob(f"seed_{seed}/stats.pkl")
    )
    assert one == other and len(one) == 2


@pytest.mark.slow
def test_a_run_is_the_same_whatever_the_environment_says(
    odd_home, short, tmp_path, python
):
    environment = ODD | {"HOME": str(odd_home)}
    odd = run(*short, f"--log_dir={tmp_path}/odd", **environment)
    assert (odd.returncode, odd.stderr) == (0, "")
    assert_as_in_a_plain_environment(912, short, tmp_path, python)


@pytest.mark.slow
def test_so_are_the_runs_of_a_sweep(odd_home, short, tmp_path, python):
    environment = ODD | {"HOME": str(odd_home)}
    sweep = (*short, "--seeds=912,913", "--jobs=2")
    swept = run(*sweep, f"--log_dir={tmp_path}/odd", **environment)
    assert swept.returncode == 0, swept.stdout
    for seed in (912, 913):
        assert_as_in_a_plain_environment(seed, short, tmp_path, python)


@pytest.mark.parametrize(
    "code",
    [
        "from collaborative import EnsembleModel",
        "import collaborative.models",
        "from collaborative import plain_model",
        "import collaborative as c; c.build_resnet(c.PRESETS['ST'], (8, 8, 1))",
    ],
)
def test_another_backend_is_named_where_the_package_is_a_library(code, odd_home):
    wanted = "set KERAS_BACKEND=tensorflow before Keras is imported"
    by_variable = run("-c", code, KERAS_BACKEND="jax")
    by_file = run("-c", code, HOME=str(odd_home))
    for process, place in (
        (by_variable, "KERAS_BACKEND=jax chooses jax"),
        (by_file, f"{odd_home}/.keras/keras.json chooses jax"),
    ):
        last = process.stderr.splitlines()[-1]
        assert last.endswith(f"needs Keras on TensorFlow, and {place}: {wanted}")


def test_what_needs_no_keras_works_with_any_backend():
    code = (
        "from collaborative import read_statistics, load_runs, load_dataset, register;"
        "print(len(load_dataset('digits').train))"
    )
    assert run("-c", code, KERAS_BACKEND="jax").stdout == "1438\n"


def test_the_backend_of_a_keras_that_was_imported_counts(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    import keras

    libraries.check_backend()
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(ImportError, match=r"imported before .* chooses torch: set"):
        libraries.check_backend()


@pytest.mark.parametrize("content", ["", "[", "[]", "{}", '{"floatx": 3}'])
def test_a_keras_json_that_names_no_backend(monkeypatch, tmp_path, content):
    (tmp_path / "keras.json").write_text(content)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    libraries.check_backend()
