#!/usr/bin/env bash
# TensorFlow 2.21.0, on a processor: the gradient of a convolution's kernel in a loop that
# XLA compiles whole.
#
# Guess: a `tf.while_loop` of steps within one `tf.function(jit_compile=True)` takes what
#   its steps take when each is called by itself, or less; on a GPU it takes less.
# Seen: on a processor a step whose loop is inside takes tens of times as long (89 times,
#   one core, 64 images of 32x32x16). The forward convolution does not, nor the same
#   steps unrolled in Python, nor the loop without XLA.
# What helps: on a processor, compile one step and loop outside, or unroll.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import time
import tensorflow as tf

STEPS = 2
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
images = tf.random.stateless_normal([64, 32, 32, 16], [1, 2])
start = tf.random.stateless_normal([3, 3, 16, 16], [3, 4])


def forward(kernel):
    return kernel + 1e-9 * tf.reduce_mean(tf.nn.conv2d(images, kernel, 1, "SAME"))


def descent(kernel):
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        cost = tf.reduce_sum(tf.nn.conv2d(images, kernel, 1, "SAME") ** 2)
    return kernel - 1e-9 * tape.gradient(cost, kernel)


def in_turn(step):
    compiled = tf.function(step, jit_compile=True)

    def run(kernel):
        for _ in range(STEPS):
            kernel = compiled(kernel)
        return kernel

    return run


def in_a_loop(step, jit):
    def run(kernel):
        parts = [tf.constant(0), kernel]
        return tf.while_loop(lambda i, _: i < STEPS, lambda i, k: (i + 1, step(k)), parts)[1]

    return tf.function(run, jit_compile=jit)


def unrolled(step):
    def run(kernel):
        for _ in range(STEPS):
            kernel = step(kernel)
        return kernel

    return tf.function(run, jit_compile=True)


def milliseconds(run):
    """Processor time of a step, after a first call."""
    run(start)
    began = time.process_time()
    run(start)
    return 1e3 * (time.process_time() - began) / STEPS


found = {}
for name, step in {"forward": forward, "gradient": descent}.items():
    ways = {
        "each step called": in_turn(step),
        "unrolled": unrolled(step),
        "loop inside XLA": in_a_loop(step, jit=True),
        "loop without XLA": in_a_loop(step, jit=False),
    }
    found[name] = {way: milliseconds(run) for way, run in ways.items()}
    print(name, {way: round(value, 1) for way, value in found[name].items()}, "ms a step")
ratio = {n: w["loop inside XLA"] / w["each step called"] for n, w in found.items()}
assert ratio["gradient"] > 5, "it changed: a gradient in a loop is fast"
assert ratio["forward"] < 5, "it changed: the forward convolution is slow too"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
