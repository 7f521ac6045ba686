#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, on Linux and x86: oneDNN is on by default, or is it?
#
# Guess: since TensorFlow 2.9 oneDNN computes convolutions on x86 unless
#   TF_ENABLE_ONEDNN_OPTS=0 says otherwise, and mixed_bfloat16 costs little where the
#   processor lacks bfloat16.
# Seen: it is on only where the processor has AVX512-VNNI, AVX-VNNI or something newer. With
#   AVX2 alone (AMD's before Zen 4, Intel's desktops before the 12th generation) it is off,
#   nothing is printed, and a training step of a small network of convolutions takes longer
#   than with TF_ENABLE_ONEDNN_OPTS=1: on an AMD EPYC 1.2, 1.8 and 2.7 times were seen, of
#   a ResNet 1.8. There mixed_bfloat16 takes 8 to 11 times as long as float32, oneDNN on or
#   off.
# What helps: TF_ENABLE_ONEDNN_OPTS=1 before TensorFlow is imported; float32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > step.py <<'PYTHON'
import sys, time

import keras, numpy as np, tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
keras.mixed_precision.set_global_policy(sys.argv[1])
layers = [keras.Input((32, 32, 3))]
for filters in (16, 16, 16, 16):
    layers += [
        keras.layers.Conv2D(filters, 3, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
    ]
layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
model = keras.Sequential(layers)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x, y = np.random.default_rng(0).random((64, 32, 32, 3), "float32"), np.arange(64) % 10
model.train_on_batch(x, y)
seconds = []
for _ in range(5):
    start = time.perf_counter()
    model.train_on_batch(x, y)
    seconds.append(time.perf_counter() - start)
print(min(seconds))
PYTHON
cat > run.py <<'PYTHON'
import os, pathlib, statistics, subprocess, sys

lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
flags = set(next(line for line in lines if line.startswith("flags")).split())
newer = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def python(*arguments, onednn=None):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if onednn is not None:
        environment["TF_ENABLE_ONEDNN_OPTS"] = onednn
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment, capture_output=True, text=True, check=True,
    )


def said(onednn):
    told = python("-c", "import tensorflow", onednn=onednn).stderr
    return "oneDNN custom operations are on" in told


by_default = said(None)
print(f"oneDNN is on by default: {by_default}; this processor has", *sorted(newer & flags))
assert said("1") and not said("0"), "it changed"
assert by_default == bool(newer & flags), "it changed"


def seconds(policy, onednn):
    return float(python("step.py", policy, onednn=onednn).stdout.splitlines()[-1])


for policy, onednn, least in (
    ("float32", "0", 1.0), ("mixed_bfloat16", "1", 4), ("mixed_bfloat16", "0", 4)
):
    ratio = statistics.median(
        seconds(policy, onednn) / seconds("float32", "1") for _ in range(3)
    )
    print(f"  {policy}, TF_ENABLE_ONEDNN_OPTS={onednn}: a step takes {ratio:.1f} times "
          "as long as in float32 with oneDNN")
    assert "avx512f" in flags or ratio >= least, "it changed"
PYTHON
env/bin/python run.py
