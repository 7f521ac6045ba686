"""What XLA compiled: kept, told from what is damaged, and taken from nobody else."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from collaborative.runs import reader
from collaborative.system import xla_cache

PARTS = ("train", "test")  # of the data
FLAG = "--tf_xla_persistent_cache_directory="


@pytest.fixture
def cache(tmp_path):
    """A directory with a sealed entry, and the variables that name it."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    entry = folder / "xla_compile_cache__1__2__XLA_CPU_JIT.pb"
    entry.write_bytes(b"a program")
    environment = {xla_cache.VARIABLE: str(folder)}
    xla_cache.seal(environment)
    return entry, environment


def test_without_the_variable_nothing_is_done():
    environment = {}
    xla_cache.use(environment)
    xla_cache.seal(environment)
    assert environment == {}


def test_a_sealed_entry_stays_and_tensorflow_hears_of_the_directory(cache):
    entry, environment = cache
    environment["TF_XLA_FLAGS"] = "--tf_xla_auto_jit=0"
    for _ in range(2):  # a sweep, and the process of an experiment
        xla_cache.use(environment)
        assert entry.read_bytes() == b"a program"
        flags = environment["TF_XLA_FLAGS"].split()
        assert flags == ["--tf_xla_auto_jit=0", f"{FLAG}{entry.parent}"]


@pytest.mark.parametrize("damage", [b"a prograM", b"a prog", b"", None])
def test_a_damaged_entry_is_removed(damage, cache):
    entry, environment = cache
    if damage is None:  # written by a process that was killed before it was sealed
        entry.with_name(f"{entry.name}.sha256").unlink()
    else:
        entry.write_bytes(damage)
    xla_cache.use(environment)
    assert list(entry.parent.iterdir()) == []


def test_what_others_could_have_put_there_is_not_run(cache):
    entry, environment = cache
    entry.parent.chmod(0o770)
    with pytest.raises(xla_cache.UnusableCache, match="others can write to"):
        xla_cache.use(environment)
    assert "TF_XLA_FLAGS" not in environment


@pytest.mark.parametrize("name", ["with space", "file/below"])
def test_a_directory_that_cannot_be_one(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(xla_cache.UnusableCache, match="must be a"):
        xla_cache.use({xla_cache.VARIABLE: str(tmp_path / name)})


def test_a_new_directory_is_its_owner_s(tmp_path):
    xla_cache.use({xla_cache.VARIABLE: str(tmp_path / "new" / "cache")})
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700


def test_functions_are_named_alike_whatever_was_made_before():
    names = []
    for tensors in (0, 1, 7):  # the first function sets TensorFlow up
        for _ in range(tensors):
            tf.zeros(1)
        xla_cache.align_names({xla_cache.VARIABLE: "cache"})
        traced = tf.function(tf.square).get_concrete_function(tf.TensorSpec([2]))
        name, _, number = traced.name.decode().rpartition("_")
        names.append((name, int(number) % 1_000_000))
    assert names[1] == names[2]


PLUGIN = """
import keras
from collaborative import register_network
@register_network("flat")
def build(input_shape, num_classes):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(num_classes)])
"""


@pytest.fixture
def trained(tmp_path):
    """Trains with a seed in a process of its own; its entries and statistics."""
    (tmp_path / "plugin.py").write_text(PLUGIN)
    rng = np.random.default_rng(0)
    parts = {f"x_{p}": rng.integers(0, 255, (64, 8, 8, 1), np.uint8) for p in PARTS}
    parts |= {f"y_{part}": rng.integers(0, 3, 64) for part in PARTS}
    np.savez(tmp_path / "data.npz", **parts)

    def train(seed, cache):
        command = [sys.executable, ROOT / "run_experiments.py", "--jit=on"]
        command += ["--plugin=plugin.py", "--dataset=npz:data.npz", "--epochs=2"]
        command += ["--members=flat,flat", f"--seed={seed}", f"--log_dir=logs{cache}"]
        variables = os.environ | {xla_cache.VARIABLE: cache}
        subprocess.run(command, cwd=tmp_path, env=variables, check=True)
        (path,) = (tmp_path / f"logs{cache}").rglob(f"seed_{seed}/stats.pkl")
        entries = {p: p.stat().st_mtime_ns for p in tmp_path.glob("kept/*.pb")}
        return entries, reader.read_statistics(path)["totals"]

    return train


@pytest.mark.slow
def test_another_seed_takes_what_was_compiled(trained):
    first, _ = trained(1, "kept")
    second, statistics = trained(2, "kept")
    assert first == second and len(first) >= 2
    _, expected = trained(2, "")
    np.testing.assert_equal(statistics, expected)
    for entry in first:  # in the middle, where programs are
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    third, statistics = trained(3, "kept")
    assert third.keys() == first.keys() and not third.items() & first.items()
    assert all(xla_cache._is_sealed(entry) for entry in third)
    np.testing.assert_equal(statistics, trained(3, "")[1])
