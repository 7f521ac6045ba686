"""What XLA makes of a training step for an H100, on a machine that has none.

    python benchmarks/gpu_kernels.py [--variants bfloat16 ...]

Of those variants of training_step.py that a GPU computes in blocks it prints how many
kernels a step launches there, by their kind, and the memory that a block takes beside
its images and weights. TensorFlow lowers a block, as `Steps.hold` has it, and JAX
compiles it ahead of time for the description of an H100 that is below; both are in the
extra `kernels`. A kernel of several operations counts as the first of these kinds that
it has. It tells nothing of seconds. JAX's XLA is younger than TensorFlow's, and picks
the tiles of a product without trying them.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from fresh import run

from collaborative.system import streams

STEPS = 40  # of a block; the step is compiled once for all of them
VARIANTS = ("float32", "patches", "bfloat16", "convolutions")
H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98
  threads_per_block_limit: 1024 threads_per_core_limit: 2048 threads_per_warp: 32
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  shared_memory_per_block: 49152 shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  registers_per_block_limit: 65536 registers_per_core_limit: 65536
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800
  device_memory_size: 84929347584
}
platform_name: "CUDA"
device_description_str: "NVIDIA H100 80GB HBM3"
dnn_version_info { major: 9 minor: 8 }
runtime_version { major: 12 minor: 9 }
"""
KINDS = {
    "products": r"__triton|__cublas| dot\(",
    "convolutions": r"__cudnn\$conv",
    "reductions": r"kind=kInput",  # and transpositions
    "others": r" (fusion|copy|custom-call)\(",
}


def lower(variant, path):
    """Writes a block of steps of {ST, M} to a file, as XLA takes it: a HloModule."""
    import before_tensorflow  # noqa: F401
    import tensorflow as tf
    import training_step
    from overhead import load

    from collaborative.data import batches
    from collaborative.system import environment

    environment.has_gpu = lambda: True
    dataset = load(images=64 * STEPS)
    model, _ = training_step.stepper(variant, dataset, STEPS)
    made = batches.TrainingBatches(dataset.train, 64, seed=0)
    block = next(iter(made.blocks(0, 1, STEPS)))
    step = tf.function(lambda *data: model.train_step(data), jit_compile=True)
    with training_step.replaced(variant):  # as it is traced
        lowered = step.experimental_get_compiler_ir(*block)(stage="hlo_serialized")
    pathlib.Path(path).write_bytes(lowered)


def compiled(module):
    """An executable of a HloModule, for an H100."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_gpu_autotune_level=0"  # nothing to try it on
    with streams.without_start_up_notes():  # of CUDA, which is not here
        from jax._src.interpreters.mlir import make_ir_context
        from jax.experimental.topologies import get_topology_desc
        from jaxlib import _jax, xla_client
        from jaxlib.mlir import ir

        described = {"target_config": H100, "topology": "1x1x1"}
        (device,) = get_topology_desc(platform="cuda", **described).devices
    with make_ir_context():
        text = str(ir.Module.parse(_jax.mlir.hlo_to_stablehlo(module)))
        # XLA writes copies, and would not read them again.
        text = re.sub(
            r"mhlo\.copy (%\w+) : (\S+)", r"stablehlo.reshape \1 : (\2) -> \2", text
        )
        return device.client.compile(
            ir.Module.parse(text),
            _jax.DeviceList((device,)),
            xla_client.CompileOptions(),
        )


def kernels(text):
    """How many kernels a step launches, by their kind, of a compiled module's text."""
    computations = dict(
        re.findall(r"^%?([\w.-]+) \([^\n]*{\n(.*?)^}", text, re.M | re.S)
    )
    bodies = {computations[name] for name in re.findall(r"body=%?([\w.-]+)", text)}
    step = max(bodies, key=len)
    found = collections.Counter()
    for line in step.splitlines():
        kind = (kind for kind, pattern in KINDS.items() if re.search(pattern, line))
        found[next(kind, None)] += 1
    return {kind: found[kind] for kind in KINDS}


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="VARIANT"
    )
    parser.add_argument("--lower", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Lowers each variant in a process of its own, compiles it, and counts."""
    arguments = parse()
    if arguments.lower:
        lower(*arguments.lower)
        return
    if importlib.util.find_spec("jax_cuda12_plugin") is None:
        sys.exit("JAX for CUDA is missing: python -m pip install -e '.[kernels]'")
    print(
        f"{'a step of':14}{'kernels':>8}", *(f"{kind:>13}" for kind in KINDS), "   MiB"
    )
    with tempfile.TemporaryDirectory() as folder:
        for variant in arguments.variants:
            path = pathlib.Path(folder, variant)
            run([__file__, "--lower", variant, path])
            executable = compiled(path.read_bytes())
            (module,) = executable.hlo_modules()
            counts = kernels(module.to_string())
            memory = executable.get_compiled_memory_stats().temp_size_in_bytes
            print(
                f"{variant:14}{sum(counts.values()):8}",
                *(f"{count:13}" for count in counts.values()),
                f"{memory / 2**20:6.0f}",
            )


if __name__ == "__main__":
    main()
