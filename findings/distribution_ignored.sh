#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, JAX 0.7.2: `keras.distribution` with TensorFlow.
#
# Guess: with TensorFlow `keras.distribution.set_distribution(DataParallel(...))` gives each
#   device its share of a batch, as the guide to the distribution API says of "backends
#   like JAX, TensorFlow and PyTorch"; or else it says that it cannot.
# Seen: both devices are listed, and the distribution is taken and given back. `fit` then
#   has the first device compute the whole batch with variables of one device. Nothing
#   warns. With JAX the same lines give each device half of the batch.
# What helps: with TensorFlow, `tf.distribute.MirroredStrategy`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6 jax==0.7.2
cat > run.py <<'PYTHON'
import os
import sys

os.environ["KERAS_BACKEND"] = backend = sys.argv[1]
if backend == "jax":
    import jax

    jax.config.update("jax_num_cpu_devices", 2)
else:
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)
import warnings

import keras
import numpy as np

devices = keras.distribution.list_devices("cpu")
wanted = keras.distribution.DataParallel(devices=devices)
keras.distribution.set_distribution(wanted)
assert len(devices) == 2 and keras.distribution.distribution() is wanted

shares = set()


class Dense(keras.layers.Dense):
    """Notes which part of a batch a device has."""

    def call(self, inputs):
        if backend == "jax":
            jax.debug.inspect_array_sharding(
                inputs, callback=lambda s: shares.add(s.shard_shape(inputs.shape))
            )
        else:
            shares.add((inputs.device[-5:], *inputs.shape))
        return super().call(inputs)


model = keras.Sequential([keras.Input((4,)), Dense(2)])
model.compile("sgd", "mse", run_eagerly=backend == "tensorflow")
shares.clear()  # those of building it
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    model.fit(np.ones((64, 4)), np.ones((64, 2)), batch_size=64, verbose=0)
said = [str(one.message) for one in said if "distribut" in str(one.message).lower()]
print(f"{backend}, {devices}: of a batch of 64 {shares}, warnings {said}")
seen = {"jax": {(32, 4)}, "tensorflow": {("CPU:0", 64, 4)}}
assert shares == seen[backend] and not said, "it changed"
PYTHON
for backend in jax tensorflow; do
    TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py $backend 2>/dev/null
done
