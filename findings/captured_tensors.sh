#!/usr/bin/env bash
# TensorFlow 2.21.0: what a tf.data pipeline does with a tensor that a `map` captures.
#
# Guess: `Dataset.range(n).map(lambda i: tf.gather(images, i))` reads the images where
#   they are: an iterator takes the memory of its batches.
# Seen: with the default optimizations each iterator that is made copies the captured
#   tensor, as large as it is; without them it does not. Training and evaluation each
#   make an iterator an epoch.
# What helps: `tf.data.Options().experimental_optimization.apply_default_optimizations =
#   False` on pipelines that gather from a large tensor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import resource
import numpy as np, tensorflow as tf

images = tf.identity(np.ones((200_000, 32, 32, 3), np.uint8))  # 586 MiB


def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 2**20


def first_batch(optimized):
    """MiB that the process grows by when a pipeline gives its first element."""
    before = resident()
    data = tf.data.Dataset.range(10).map(lambda i: tf.gather(images, i))
    options = tf.data.Options()
    if not optimized:
        options.experimental_optimization.apply_default_optimizations = False
    iterator = iter(data.with_options(options))
    next(iterator)
    return resident() - before


first_batch(False)  # what TensorFlow needs itself
without, with_them = first_batch(False), first_batch(True)
print(f"images of {images.numpy().nbytes / 2**20:.0f} MiB, MiB that an iterator adds:")
print(f"without the default optimizations {without:.0f}, with them {with_them:.0f}")
assert without < 50 and with_them > 400, "it changed: no copy is made any more"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
