#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: `clipnorm` of an optimizer on two devices.
#
# Guess: MirroredStrategy takes the steps that one device would with the whole batch: for
#   `clipnorm`, `global_clipnorm` and `clipvalue` the gradients are summed, then clipped.
#   TensorFlow 2.2 refused them under a strategy since it could not do so.
# Seen: each device clips the gradient of its share of the batch, which is half as long,
#   and then they are summed. Two devices step twice as far as the limit says, and what
#   is not twice as long is not clipped at all. Without clipping their steps are those of
#   one device. Nothing warns.
# What helps: divide the limit by the number of devices, which is the same where their
#   gradients are alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf

processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
x = np.random.default_rng(0).random((32, 4)).astype("float32")
STRATEGIES = (
    tf.distribute.get_strategy(),
    tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
)


def step(target, strategy, **clipping):
    """How long a step with rate 1 is."""
    with strategy.scope():
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(keras.optimizers.SGD(1.0, **clipping), "mse", jit_compile=False)
    model.fit(x, np.full((32, 1), target), batch_size=32, verbose=0)
    return round(float(np.linalg.norm(model.get_weights()[0])), 2)


KINDS = {}, {"clipnorm": 1}, {"global_clipnorm": 1}, {"clipvalue": 0.5}
for target in (0.75, 100):
    for kind in KINDS:
        one, both = (step(target, strategy, **kind) for strategy in STRATEGIES)
        print(f"target {target}, {kind}: one device {one}, two devices {both}")
        if not kind:
            unclipped = one
        wanted = min(unclipped, 2) if kind else one
        assert one == (1 if kind else both), "it changed: steps on one device"
        assert abs(both - wanted) < 0.02, f"it changed: {kind} on two devices"
halved = step(100, STRATEGIES[1], clipnorm=0.5)
print(f"target 100, clipnorm 0.5, two devices: {halved}")
assert abs(halved - 1) < 0.02
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
