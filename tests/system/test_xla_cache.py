"""What XLA compiled: kept, told from what is damaged, and taken from nobody else."""

import contextlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from collaborative.runs import reader
from collaborative.system import processor, xla_cache
from collaborative.training import compiled

PARTS = ("train", "test")  # of the data
FLAG = "--tf_xla_persistent_cache_directory="


@pytest.fixture
def cache(tmp_path):
    """A sealed entry, and the variables that name the directory around its folder."""
    environment = {xla_cache.VARIABLE: str(tmp_path / "cache")}
    xla_cache.use(environment)
    folder = environment["TF_XLA_FLAGS"].removeprefix(FLAG)
    entry = pathlib.Path(folder, "xla_compile_cache__1__2__XLA_CPU_JIT.pb")
    entry.write_bytes(b"a program")
    xla_cache.seal(environment)
    return entry, environment


def age(path):
    """Makes a file older than one that a running process has yet to seal."""
    os.utime(path, (0, 0))


def test_without_the_variable_nothing_is_done():
    environment = {}
    xla_cache.use(environment)
    xla_cache.seal(environment)
    assert environment == {}


def test_a_sealed_entry_stays_and_tensorflow_hears_of_its_folder(cache):
    entry, environment = cache
    age(entry)
    for _ in range(2):  # a sweep, and the process of an experiment
        xla_cache.use(environment)
        assert entry.read_bytes() == b"a program"
        assert environment["TF_XLA_FLAGS"] == f"{FLAG}{entry.parent}"


@pytest.mark.parametrize(
    "other", [{"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}, {"TF_XLA_FLAGS": "--a=1"}]
)
def test_other_flags_have_a_folder_of_their_own(other, cache):
    entry, environment = cache
    environment |= other
    xla_cache.use(environment)
    *own, flag = environment["TF_XLA_FLAGS"].split()
    folder = pathlib.Path(flag.removeprefix(FLAG))
    assert folder.parent == entry.parent.parent and folder != entry.parent
    assert own == other.get("TF_XLA_FLAGS", "").split()


def test_another_processor_has_a_folder_of_its_own(cache, monkeypatch):
    entry, environment = cache
    monkeypatch.setattr(processor, "flags", lambda: {"avx2"})
    xla_cache.use(environment)
    assert str(entry.parent) not in environment["TF_XLA_FLAGS"]


@pytest.mark.parametrize("damage", [b"a prograM", b"a prog", b""])
def test_a_damaged_entry_is_removed_and_its_seal_after_it(damage, cache):
    entry, environment = cache
    entry.write_bytes(damage)
    for _ in range(2):
        xla_cache.use(environment)
        assert not entry.exists()
    assert list(entry.parent.iterdir()) == []


def test_what_was_never_sealed_is_removed(cache):
    """A process may have been killed while it wrote it."""
    entry, environment = cache
    entry.with_name(f"{entry.name}.sha256").unlink()
    (entry.parent / "xla_compile_cache_of_no_file.pb").mkdir()
    xla_cache.use(environment)
    assert not entry.exists()


def test_a_temporary_file_is_removed_when_it_is_old(cache):
    entry, environment = cache
    left = entry.with_name("xla_compile_cache__1__2__XLA_CPU_JIT.pb-1-2.tmp")
    left.write_bytes(b"half a program")
    xla_cache.use(environment)
    assert left.exists()  # another process may be writing it
    age(left)
    xla_cache.use(environment)
    assert not left.exists() and entry.exists()


def test_what_others_could_have_put_there_is_not_run(cache):
    entry, environment = cache
    entry.parents[1].chmod(0o770)
    with pytest.raises(xla_cache.UnusableCache, match="others can write to"):
        xla_cache.use(environment)


def test_a_directory_that_cannot_be_written_to(cache, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, how: False)  # root may, otherwise
    with pytest.raises(xla_cache.UnusableCache, match="cannot be written to"):
        xla_cache.use(cache[1])


@pytest.mark.parametrize("name", ["with space", "file/below"])
def test_a_directory_that_cannot_be_one(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(xla_cache.UnusableCache, match="must be a"):
        xla_cache.use({xla_cache.VARIABLE: str(tmp_path / name)})


def test_a_new_directory_is_its_owner_s(tmp_path):
    xla_cache.use({xla_cache.VARIABLE: str(tmp_path / "new" / "cache")})
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700


def test_the_home_of_nobody_is_a_name_as_any(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = {xla_cache.VARIABLE: "~nobody_of_this_name/cache"}
    xla_cache.use(environment)
    xla_cache.seal(environment)
    assert str(tmp_path) in environment["TF_XLA_FLAGS"]


def test_an_error_of_the_cache_is_told_from_others():
    environment = {xla_cache.VARIABLE: "kept"}
    full = OSError("kept/1/xla_compile_cache__1.pb: No space left on device")
    assert "kept in kept, or taken" in xla_cache.fault(full, environment)
    assert xla_cache.fault(full, {}) == ""
    assert xla_cache.fault(OSError("out of memory"), environment) == ""


@pytest.mark.parametrize("measured", [True, False])
def test_an_epoch_without_steps_is_not_believed(measured, monkeypatch):
    """Keras takes an entry that is cut off for the end of the data."""
    keep = compiled.KeepCompiled()
    for named in ("", "kept"):
        monkeypatch.setenv(xla_cache.VARIABLE, named)
        monkeypatch.setattr(xla_cache, "seal", lambda: None)
        monkeypatch.setattr(xla_cache, "align_names", lambda: None)
        refused = pytest.raises(xla_cache.UnusableCache, match="make room, remove it")
        keep.on_epoch_begin(0)
        if measured:  # but not trained
            with refused if named else contextlib.nullcontext():
                keep.on_test_begin()
            continue
        keep.on_train_batch_end(0)
        keep.on_test_begin()
        with refused if named else contextlib.nullcontext():
            keep.on_test_end()


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
        entries = {p: p.stat().st_mtime_ns for p in tmp_path.glob("kept/*/*.pb")}
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
    assert all(entry.with_name(f"{entry.name}.sha256").exists() for entry in third)
    np.testing.assert_equal(statistics, trained(3, "")[1])
