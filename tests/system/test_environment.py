import shutil

import pytest
import tensorflow as tf
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.system import environment, processor
from collaborative.training import train as trainer


@pytest.mark.parametrize(
    "flags, precision",
    [
        ({"avx2", "avx512_bf16"}, "bfloat16"),
        ({"amx_bf16"}, "bfloat16"),
        ({"avx512_fp16", "amx_fp16"}, "float32"),  # float16 is slow all the same
        ({"avx512_fp16", "avx512_bf16"}, "bfloat16"),
        (set(), "float32"),
    ],
)
def test_auto_is_what_the_processor_has(monkeypatch, flags, precision):
    monkeypatch.setattr(processor, "flags", lambda: flags)
    config = trainer.resolved(ExperimentConfig(precision="auto"))
    assert config == ExperimentConfig(precision=precision)


def test_auto_is_what_a_run_has_been_begun_with(tmp_path):
    auto = ExperimentConfig(precision="auto")
    begun = ExperimentConfig(precision="float32_exact")
    logged_run(begun, tmp_path)
    assert trainer.resolved(auto, tmp_path) == begun
    assert trainer.resolved(auto) != begun
    run_dir = begun.run_dir(tmp_path)
    statistics = (run_dir / "stats.pkl").read_bytes()
    (run_dir / "stats.pkl").unlink()
    assert trainer.resolved(auto, tmp_path) == begun
    (run_dir / "config.json").write_text("{")
    assert trainer.resolved(auto, tmp_path) == begun
    shutil.rmtree(run_dir / "checkpoint")
    assert trainer.resolved(auto, tmp_path) == trainer.resolved(auto)
    (run_dir / "stats.pkl").write_bytes(statistics)
    assert trainer.resolved(auto, tmp_path) == begun


@pytest.fixture
def gpu(monkeypatch):
    """A function that has TensorFlow see a GPU of that compute capability."""

    def appears(capability):
        device = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
        details = {"compute_capability": capability, "device_name": "A GPU"}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [device])
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details", lambda device: details
        )

    return appears


@pytest.mark.parametrize(
    "capability, precision", [((8, 0), "bfloat16"), ((7, 5), "float32")]
)
def test_auto_is_what_the_gpu_has(gpu, capability, precision):
    gpu(capability)
    assert environment.fastest_precision() == precision


@pytest.mark.parametrize(
    "capability, allowed, used",
    [((9, 0), True, True), ((9, 0), False, False), ((7, 5), True, False)],
)
def test_what_float32_is_on_a_gpu_is_recorded(gpu, capability, allowed, used):
    gpu(capability)
    environment.allow_tf32(allowed)
    try:
        assert environment.describe()["tf32"] is used
    finally:
        environment.allow_tf32(True)


def test_a_processor_has_no_tf32():
    assert environment.describe()["tf32"] is False
