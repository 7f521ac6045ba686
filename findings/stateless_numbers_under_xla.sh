#!/usr/bin/env bash
# TensorFlow 2.21.0: stateless random numbers of one seed, with and without XLA.
#
# Guess: "stateless" numbers depend on seed and shape alone. The documentation has them
#   consistent on the same hardware, and "between CPU and GPU"; with alg="philox" at the
#   latest, a step gives the same numbers whether XLA compiles it or not.
# Seen: integers are the same, floats are not, whatever `alg` says: with jit_compile=True
#   the same seed gives other uniform and normal numbers. And with the default algorithm
#   XLA takes 32 bits of an int64 seed, without a word: seeds 2**32 apart give equal
#   numbers, where without XLA, or with alg="philox", they differ.
# What helps: draw outside what XLA compiles; or draw integers, with alg="philox", and make
#   floats of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import numpy as np, tensorflow as tf

PHILOX = {"shape": [1000], "alg": "philox"}
KINDS = {
    "integers": lambda seed: tf.random.stateless_uniform(
        seed=seed, minval=0, maxval=256, dtype=tf.int32, **PHILOX
    ),
    "uniform": lambda seed: tf.random.stateless_uniform(seed=seed, **PHILOX),
    "normal": lambda seed: tf.random.stateless_normal(seed=seed, **PHILOX),
    "default": lambda seed: tf.random.stateless_uniform([1000], seed, 0, 256, tf.int32),
}


def drawn(kind, seed, jit):
    draw = tf.function(KINDS[kind], jit_compile=jit, autograph=False)
    return draw(tf.constant([seed, 7], tf.int64)).numpy()


same = {k: np.array_equal(drawn(k, 1, True), drawn(k, 1, False)) for k in KINDS}
print("the same numbers with and without XLA:", same)
equal = {
    (kind, jit): np.array_equal(drawn(kind, 1, jit), drawn(kind, 1 + 2**32, jit))
    for kind in ("integers", "default")
    for jit in (False, True)
}
print("seeds 1 and 1 + 2**32 give the same, by (algorithm, XLA):", equal)
assert same == {"integers": True, "uniform": False, "normal": False, "default": True}
assert [key for key, is_so in equal.items() if is_so] == [("default", True)]
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null
