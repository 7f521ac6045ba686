import pytest
import tensorflow as tf

from collaborative.experiments.config import ExperimentConfig
from collaborative.system import environment
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
    monkeypatch.setattr(environment, "_processor_flags", lambda: flags)
    config = trainer.resolved(ExperimentConfig(precision="auto"))
    assert config == ExperimentConfig(precision=precision)


@pytest.mark.parametrize(
    "capability, precision", [((8, 0), "bfloat16"), ((7, 5), "float32")]
)
def test_auto_is_what_the_gpu_has(monkeypatch, capability, precision):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [gpu])
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda device: {"compute_capability": capability},
    )
    assert environment.fastest_precision() == precision
