#!/usr/bin/env bash
# TensorFlow 2.21.0: stateless random numbers of one seed, with and without XLA.
#
# Guess: "stateless" numbers depend on seed and shape alone. The documentation has them
#   consistent on the same hardware, and "between CPU and GPU"; with alg="philox" at the
#   latest, a step gives the same numbers whether XLA compiles it or not.
# Seen: integers are the same, floats are not, whatever `alg` says: with jit_compile=True
#   the same seed gives other uniform and normal numbers. And XLA takes 32 bits of an
#   int64 seed, without a word: seeds 2**32 apart give equal numbers, where without XLA
#   they differ.
# What helps: draw outside what XLA compiles, or draw integers from seeds below 2**31
#   and make floats of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import numpy as np, tensorflow as tf

SHAPE, KINDS = [1000], {
    "integers": lambda key: tf.random.stateless_uniform(
        SHAPE, key, 0, 256, tf.int32, alg="philox"
    ),
    "uniform": lambda key: tf.random.stateless_uniform(SHAPE, key, alg="philox"),
    "normal": lambda key: tf.random.stateless_normal(SHAPE, key, alg="philox"),
}


def drawn(kind, seed, jit):
    draw = tf.function(KINDS[kind], jit_compile=jit, autograph=False)
    return draw(tf.constant([seed, 7], tf.int64)).numpy()


same = {k: np.array_equal(drawn(k, 1, True), drawn(k, 1, False)) for k in KINDS}
print("the same numbers with and without XLA:", same)
large = {
    jit: np.array_equal(drawn("integers", 1, jit), drawn("integers", 1 + 2**32, jit))
    for jit in (False, True)
}
print("seeds 1 and 1 + 2**32 give the same: without XLA", large[False], "with", large[True])
assert same == {"integers": True, "uniform": False, "normal": False}, "it changed"
assert large == {False: False, True: True}, "it changed: XLA takes 64 bits"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
